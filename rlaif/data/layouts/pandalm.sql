-- PandaLM test set: two responses to an instruction, and the votes of three people.
-- card: WeOpenML/PandaLM, data/testset-v1.json (Apache-2.0)
-- columns: instruction, response1, response2, annotator1, annotator2, annotator3
-- optional: input, cmp_key, idx, motivation_app
-- labels: 1 means that response1 is better, 2 that response2 is, 0 that they are equal.
SELECT
    with_input(instruction, input) AS prompt,
    [response1, response2] AS responses,
    list_concat(
        vote(as_code(annotator1), ['1'], ['2'], ['0'], 'human:1'),
        vote(as_code(annotator2), ['1'], ['2'], ['0'], 'human:2'),
        vote(as_code(annotator3), ['1'], ['2'], ['0'], 'human:3')
    ) AS preferences,
    {idx: idx, cmp_key: cmp_key, motivation_app: motivation_app} AS metadata,
    coalesce(
        unknown(as_code(annotator1), ['0', '1', '2'], 'annotator1'), unknown(as_code(annotator2), ['0', '1', '2'], 'annotator2'),
        unknown(as_code(annotator3), ['0', '1', '2'], 'annotator3')
    ) AS error
FROM source
