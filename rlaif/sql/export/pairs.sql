-- The pairs of a pairing as texts, one row a pair: the messages that the chosen response's generator was shown, both
-- answers, and what is known of the label. `split` is by prompt; `place` counts a split's pairs from 0 in the order of
-- the prompts' arrival. `chosen_first` and `rejected_first` are true where that side stands for the first time;
-- `chosen_contested` and `rejected_contested` where another pair says the opposite of it. Most forms view these rows.
WITH shown AS (
    SELECT prompt, generator, min(messages) AS messages FROM asks GROUP BY prompt, generator
),
mine AS (FROM pairs WHERE pairing = $pairing),
placed AS (
    SELECT mine.*, prompts.messages,
        CASE WHEN prompts.bucket < $held_out THEN 'held_out' ELSE 'train' END AS split,
        row_number() OVER (PARTITION BY split ORDER BY prompts.position, margin DESC, chosen, rejected) - 1 AS place,
        row_number() OVER (PARTITION BY chosen ORDER BY margin DESC, rejected) = 1 AS chosen_first,
        row_number() OVER (PARTITION BY rejected ORDER BY margin DESC, chosen) = 1 AS rejected_first,
        chosen IN (SELECT rejected FROM mine) AS chosen_contested,
        rejected IN (SELECT chosen FROM mine) AS rejected_contested
    FROM mine JOIN prompts ON prompts.key = mine.prompt
)
SELECT
    split, place, chosen_first, rejected_first, chosen_contested, rejected_contested,
    from_json(coalesce(shown.messages, placed.messages), '[{"role": "VARCHAR", "content": "VARCHAR"}]') AS prompt,
    [{'role': 'assistant', 'content': chosen.text}] AS chosen,
    [{'role': 'assistant', 'content': rejected.text}] AS rejected,
    CAST(margin AS DOUBLE) AS margin, confidence,
    placed.prompt AS prompt_id, placed.chosen AS chosen_id, placed.rejected AS rejected_id
FROM placed
JOIN responses AS chosen ON chosen.key = placed.chosen AND chosen.failure IS NULL
JOIN responses AS rejected ON rejected.key = placed.rejected AND rejected.failure IS NULL
LEFT JOIN shown ON shown.prompt = placed.prompt AND shown.generator = chosen.generator
ORDER BY split, place
