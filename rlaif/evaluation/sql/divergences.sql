-- Divergences of a generator's responses from $reference, one row per response. Prompts and samples as in answers.sql.
WITH asked AS (
    SELECT key, position FROM current_prompts WHERE bucket < $held_out
    QUALIFY row_number() OVER (ORDER BY position, key) <= coalesce($limit::BIGINT, 9223372036854775807)
)
SELECT DISTINCT asked.key AS prompt, responses.key AS response, divergences.tokens, divergences.k1, divergences.k3,
    divergences.failure
FROM divergences JOIN responses ON responses.key = divergences.response JOIN asked ON asked.key = responses.prompt
WHERE responses.generator = $generator AND divergences.reference = $reference
    AND responses.sample < coalesce($samples::BIGINT, 9223372036854775807)
ORDER BY prompt, response
