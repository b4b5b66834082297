-- The pairs of a pairing as texts, one row a pair: the messages that the chosen response's generator was shown, both
-- answers, and what is known of the label. `split` is by prompt. Every export is a view of these rows.
SELECT
    CASE WHEN prompts.bucket < $held_out THEN 'held_out' ELSE 'train' END AS split,
    from_json(coalesce(asks.messages, prompts.messages), '[{"role": "VARCHAR", "content": "VARCHAR"}]') AS prompt,
    [{'role': 'assistant', 'content': chosen.text}] AS chosen,
    [{'role': 'assistant', 'content': rejected.text}] AS rejected,
    CAST(pairs.margin AS DOUBLE) AS margin, pairs.confidence,
    pairs.prompt AS prompt_id, pairs.chosen AS chosen_id, pairs.rejected AS rejected_id
FROM pairs
JOIN prompts ON prompts.key = pairs.prompt
JOIN responses AS chosen ON chosen.key = pairs.chosen AND chosen.failure IS NULL
JOIN responses AS rejected ON rejected.key = pairs.rejected AND rejected.failure IS NULL
LEFT JOIN asks ON asks.prompt = pairs.prompt AND asks.generator = chosen.generator
WHERE pairs.pairing = $pairing
ORDER BY prompts.position, pairs.margin DESC, pairs.chosen, pairs.rejected
