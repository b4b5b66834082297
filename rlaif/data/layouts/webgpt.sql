-- WebGPT comparisons: two answers with the quotes that they were written from.
-- card: openai/webgpt_comparisons (no license stated)
-- columns: question, answer_0, answer_1, score_0, score_1
-- optional: quotes_0, quotes_1
-- labels: the scores are from -1 to 1 and sum to 0; the answer with the positive score is better, and 0 is a tie. Their size is the
--   strength.
SELECT
    question -> '$.full_text' AS prompt,
    [answer_0, answer_1] AS responses,
    strength_vote(-as_number(score_0), 1, 'human') AS preferences,
    {dataset: question -> '$.dataset', id: question -> '$.id', quotes_0: quotes_0, quotes_1: quotes_1} AS metadata,
    coalesce(bad_strength(as_number(score_0), 1, 'score_0'), bad_strength(as_number(score_1), 1, 'score_1'), CASE
        WHEN abs(as_number(score_0) + as_number(score_1)) > 0.001 THEN 'scores that do not sum to 0'
    END) AS error
FROM source
