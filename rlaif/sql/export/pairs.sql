-- The pairs of a pairing as texts, one row a pair: the messages that the chosen response's generator was shown, both
-- answers, and what is known of the label. `split` is by prompt; `place` counts a split's pairs from 0 in the order of
-- the prompts' arrival. Most forms view these rows.
WITH shown AS (
    SELECT prompt, generator, min(messages) AS messages FROM asks GROUP BY prompt, generator
),
placed AS (
    SELECT pairs.*, prompts.messages,
        CASE WHEN prompts.bucket < $held_out THEN 'held_out' ELSE 'train' END AS split,
        row_number() OVER (PARTITION BY split ORDER BY prompts.position, margin DESC, chosen, rejected) - 1 AS place
    FROM pairs JOIN prompts ON prompts.key = pairs.prompt
    WHERE pairing = $pairing
),
-- Both sides at once, so that the texts are read but once.
texts AS MATERIALIZED (
    SELECT key, generator, [{'role': 'assistant', 'content': text}] AS turns FROM responses
    WHERE failure IS NULL AND key IN (SELECT unnest([chosen, rejected]) FROM placed)
)
SELECT split, place,
    from_json(coalesce(shown.messages, placed.messages), '[{"role": "VARCHAR", "content": "VARCHAR"}]') AS prompt,
    chosen.turns AS chosen, rejected.turns AS rejected, CAST(margin AS DOUBLE) AS margin, confidence,
    placed.prompt AS prompt_id, placed.chosen AS chosen_id, placed.rejected AS rejected_id
FROM placed
JOIN texts AS chosen ON chosen.key = placed.chosen
JOIN texts AS rejected ON rejected.key = placed.rejected
LEFT JOIN shown ON shown.prompt = placed.prompt AND shown.generator = chosen.generator
