-- Dropped rows with their reasons: rows that cannot be used, duplicates, and rows that belong to a near duplicate.
INSERT INTO dropped BY NAME
WITH lost AS (
    SELECT source, key, normal_key FROM staged_prompts AS staged
    ANTI JOIN kept ON kept.position = staged.position
),
firsts AS (
    SELECT key, normal_key FROM staged_prompts AS staged
    SEMI JOIN kept ON kept.position = staged.position
),
duplicates AS (
    SELECT lost.source, 'prompt' AS what,
        CASE WHEN lost.key = firsts.key THEN 'duplicate' ELSE 'near duplicate' END AS reason, firsts.key AS detail
    FROM lost JOIN firsts ON firsts.normal_key = lost.normal_key
),
followers AS (
    SELECT 'response' AS what, source, prompt FROM staged_responses
    UNION ALL SELECT 'score', verdicts.source, verdicts.prompt FROM staged_scores AS scores
        JOIN staged_verdicts AS verdicts ON verdicts.position = scores.verdict
    UNION ALL SELECT 'comparison', source, prompt FROM staged_comparisons
),
repeated AS (
    SELECT source, key, position FROM staged_responses AS staged
    SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
    QUALIFY row_number() OVER (PARTITION BY staged.key ORDER BY staged.position) > 1
)
SELECT source, what, reason, detail FROM staged_dropped
UNION ALL SELECT source, what, reason, detail FROM duplicates
UNION ALL SELECT source, what, 'near duplicate', NULL FROM followers ANTI JOIN active_prompts ON active_prompts.prompt = followers.prompt
UNION ALL SELECT source, 'response', 'duplicate', key FROM repeated
