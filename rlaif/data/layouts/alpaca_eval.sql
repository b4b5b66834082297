-- AlpacaEval outputs: the output of one model for an instruction.
-- card: tatsu-lab/alpaca_eval (CC-BY-NC-4.0)
-- columns: instruction, output, generator
-- optional: dataset, input
-- labels: none.
SELECT
    with_input(instruction, input) AS prompt,
    [output] AS responses,
    [as_text(generator)] AS generators,
    {dataset: dataset} AS metadata
FROM source
