-- Responses of a generator whose divergence from $reference is pending, with the messages that the generator was sent.
-- Prompts and samples as in answers.sql.
WITH asked AS (
    SELECT key, position FROM current_prompts WHERE bucket < $held_out
    QUALIFY row_number() OVER (ORDER BY position, key) <= coalesce($limit::BIGINT, 9223372036854775807)
)
SELECT responses.key AS response, any_value(rendered_prompts.messages) AS messages, any_value(responses.text) AS text,
    any_value(responses.finish) AS finish
FROM responses JOIN asked ON asked.key = responses.prompt
JOIN rendered_prompts ON rendered_prompts.prompt = responses.prompt AND rendered_prompts.generator = responses.generator
ANTI JOIN divergences ON divergences.response = responses.key AND divergences.reference = $reference
WHERE responses.generator = $generator AND responses.failure IS NULL
    AND responses.sample < coalesce($samples::BIGINT, 9223372036854775807)
GROUP BY responses.key, asked.position
ORDER BY asked.position, responses.key
