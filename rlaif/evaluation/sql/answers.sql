-- Responses to compare: one row per held-out prompt, side (base, trained), sample and criterion of the judge. A side without
-- a response has one row without `response`; `failure` says why a response has no text, `score_failure` why a criterion has
-- no score. Uses the first $limit prompts (all if null) whose bucket is below $held_out, and only samples below $samples (all
-- if null), so that both sides can have the same number.
WITH asked AS (
    SELECT key, position FROM current_prompts WHERE bucket < $held_out
    QUALIFY row_number() OVER (ORDER BY position, key) <= coalesce($limit::BIGINT, 9223372036854775807)
),
sides AS (SELECT unnest(['base', 'trained']) AS side, unnest([$base, $trained]) AS generator),
sampled AS (
    SELECT * FROM responses
    WHERE generator IN ($base, $trained) AND sample < coalesce($samples::BIGINT, 9223372036854775807)
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY failure IS NULL DESC, attempt DESC) = 1
),
judged AS (
    SELECT *, rowid AS place FROM criteria WHERE key IN (SELECT criterion FROM scores WHERE judge = $judge)
    QUALIFY rowid = max(rowid) OVER (PARTITION BY name)
)
SELECT asked.key AS prompt, sides.side, sampled.key AS response, sampled.failure,
    len(regexp_extract_all(sampled.text, '{SQL_WORD}')) AS words, length(sampled.text) AS characters,
    sampled.output_tokens AS tokens, judged.name AS criterion, judged.low, judged.high,
    latest_scores.score::DOUBLE AS score, latest_scores.failure AS score_failure
FROM asked CROSS JOIN sides
LEFT JOIN sampled ON sampled.prompt = asked.key AND sampled.generator = sides.generator
LEFT JOIN judged ON true
LEFT JOIN latest_scores ON latest_scores.answer = sampled.answer AND latest_scores.judge = $judge
    AND latest_scores.criterion = judged.key
ORDER BY asked.position, asked.key, sides.side, sampled.sample, judged.place
