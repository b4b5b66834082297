-- Responses of these generators to held-out prompts, one row each with its text or failure kind. Prompts and samples as in
-- answers.sql.
WITH asked AS (
    SELECT key, position FROM current_prompts WHERE bucket < $held_out
    QUALIFY row_number() OVER (ORDER BY position, key) <= coalesce($limit::BIGINT, 9223372036854775807)
)
SELECT responses.generator, responses.prompt, responses.sample, responses.text, responses.failure
FROM responses JOIN asked ON asked.key = responses.prompt
WHERE responses.generator IN (SELECT unnest($generators::VARCHAR[]))
    AND responses.sample < coalesce($samples::BIGINT, 9223372036854775807)
QUALIFY row_number() OVER (PARTITION BY responses.key ORDER BY responses.failure IS NULL DESC, responses.attempt DESC) = 1
ORDER BY asked.position, asked.key, responses.generator, responses.sample
