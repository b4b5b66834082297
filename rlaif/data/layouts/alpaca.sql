-- Alpaca: an instruction, an optional input, and an output.
-- card: tatsu-lab/alpaca (CC-BY-NC-4.0)
-- columns: instruction, output
-- optional: input, system
-- absent: generator, output_1, history
-- labels: none. The prompt is the instruction, and the input after a blank line.
SELECT
    CASE WHEN coalesce(trim(as_text(system)), '') = '' THEN with_input(instruction, input)
        ELSE to_json([turn('system', system), turn('user', with_input(instruction, input))]) END AS prompt,
    [output] AS responses,
    CASE WHEN json_type(input) NOT IN ('VARCHAR', 'NULL') THEN 'no text in column ''input''' END AS error
FROM source
