-- AlpacaEval annotations: the outputs of two models and which one an annotator prefers.
-- card: tatsu-lab/alpaca_eval, annotations.json (CC-BY-NC-4.0)
-- columns: instruction, output_1, output_2, preference
-- optional: generator_1, generator_2, annotator, annotator_index, dataset, input
-- labels: 1 means that output_1 is better, 2 that output_2 is, 1.5 (or 0 in older files) that they are equal; weighted annotators give
--   numbers in between.
SELECT
    with_input(instruction, input) AS prompt,
    [output_1, output_2] AS responses,
    [as_text(generator_1), as_text(generator_2)] AS generators,
    CASE WHEN as_number(preference) = 0 THEN [preference(1, 2, coalesce(as_code(annotator), as_code(annotator_index), 'annotator'), 0, true)]
        ELSE strength_vote((as_number(preference) - 1.5) * 2, 1, coalesce(as_code(annotator), as_code(annotator_index), 'annotator')) END AS preferences,
    {dataset: dataset} AS metadata,
    CASE
        WHEN as_number(preference) IS NULL THEN 'no preference in column ''preference'''
        WHEN as_number(preference) <> 0 AND NOT as_number(preference) BETWEEN 1 AND 2 THEN 'a preference that is not 0 or from 1 to 2: ' || as_number(preference)
    END AS error
FROM source
