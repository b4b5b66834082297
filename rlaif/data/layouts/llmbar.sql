-- LLMBar: two outputs for an instruction.
-- card: princeton-nlp/LLMBar (MIT)
-- columns: input, output_1, output_2, label
-- labels: 1 means that output_1 is better, 2 that output_2 is.
SELECT
    input AS prompt,
    [output_1, output_2] AS responses,
    vote(as_code(label), ['1'], ['2'], []::VARCHAR[], 'llmbar') AS preferences,
    unknown(as_code(label), ['1', '2'], 'label') AS error
FROM source
