-- The pairs of one pairing that may be trained on, with the messages as the generator saw them. Prompts whose bucket is
-- below $held_out are held out. The order is by content: the same in every store that holds the same pairs.
WITH shown AS (
    SELECT prompt, generator, min(messages) AS messages FROM rendered_prompts GROUP BY prompt, generator
), answers AS (
    SELECT key, generator, text FROM responses WHERE failure IS NULL
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY attempt DESC) = 1
)
SELECT
    coalesce(shown.messages, prompts.messages) AS messages,
    chosen.text AS chosen,
    rejected.text AS rejected,
    pairs.margin::DOUBLE AS margin, pairs.confidence
FROM pairs
JOIN current_prompts AS prompts ON prompts.key = pairs.prompt
JOIN answers AS chosen ON chosen.key = pairs.chosen
JOIN answers AS rejected ON rejected.key = pairs.rejected
LEFT JOIN shown ON shown.prompt = pairs.prompt AND shown.generator = chosen.generator
WHERE pairs.pairing = $pairing AND prompts.bucket >= $held_out
ORDER BY pairs.prompt, pairs.chosen, pairs.rejected
