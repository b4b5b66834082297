-- LLMBar results: two outputs for an instruction, and the verdicts of an evaluator in both orders.
-- card: princeton-nlp/LLMBar, result.json (MIT)
-- columns: input, output_1, output_2, label, results
-- types: results list
-- labels: 1 means that output_1 is better, 2 that output_2 is. The evaluator is the judge `recorded`; its verdicts are in the last entry of
--   `results` under "swap = False" and "swap = True" (output_2 shown first), in both cases with 1 for output_1.
SELECT
    input AS prompt,
    [output_1, output_2] AS responses,
    list_concat(
        vote(as_code(label), ['1'], ['2'], []::VARCHAR[], 'llmbar'),
        [
            comparison(1, 2, 'recorded', verdict(as_code(results -> '$[#-1]."swap = False".winner'), ['1'], ['2'], []::VARCHAR[])),
            comparison(2, 1, 'recorded', verdict(as_code(results -> '$[#-1]."swap = True".winner'), ['2'], ['1'], []::VARCHAR[]))
        ]
    ) AS preferences,
    unknown(as_code(label), ['1', '2'], 'label') AS error
FROM source
