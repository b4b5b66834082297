-- SHP: two Reddit comments on a post.
-- card: stanfordnlp/SHP (terms of Reddit's API)
-- columns: history, human_ref_A, human_ref_B, labels
-- optional: domain, post_id, score_A, score_B, score_ratio, seconds_difference
-- labels: 1 means that human_ref_A is better, 0 that human_ref_B is. score_A and score_B are votes without an upper limit.
SELECT
    history AS prompt,
    [human_ref_A, human_ref_B] AS responses,
    vote(as_code(labels), ['1'], ['0'], []::VARCHAR[], 'human') AS preferences,
    {domain: domain, post_id: post_id, score_A: score_A, score_B: score_B, score_ratio: score_ratio} AS metadata,
    coalesce(unknown(as_code(labels), ['1', '0'], 'labels'), CASE
        WHEN (as_code(labels) = '1' AND as_number(score_A) < as_number(score_B)) OR (as_code(labels) = '0' AND as_number(score_A) > as_number(score_B))
        THEN 'a label that contradicts the votes'
    END) AS error
FROM source
