-- Pairs of a pairing with their texts, one row per pair: `messages` are those that were sent to the chosen response's
-- generator. `split` is by prompt; `place` numbers a split's pairs from 0, in the prompts' order of collection.
CREATE OR REPLACE TABLE memory.pair_texts AS
WITH shown AS (
    SELECT prompt, generator, min(messages) AS messages FROM rendered_prompts GROUP BY prompt, generator
),
placed AS (
    SELECT pairs.*, prompts.messages,
        CASE WHEN prompts.bucket < $held_out THEN 'held_out' ELSE 'train' END AS split,
        row_number() OVER (PARTITION BY split ORDER BY prompts.position, margin DESC, chosen, rejected) - 1 AS place
    FROM pairs JOIN prompts ON prompts.key = pairs.prompt
    WHERE pairing = $pairing
),
-- Read twice instead of materialized, because copying long texts costs more than reading them again.
texts AS NOT MATERIALIZED (SELECT key, generator, text, reasoning FROM responses WHERE failure IS NULL)
SELECT split, place, coalesce(shown.messages, placed.messages) AS messages, chosen.text AS chosen, rejected.text AS rejected,
    chosen.reasoning AS chosen_reasoning, rejected.reasoning AS rejected_reasoning,
    margin, confidence, placed.prompt AS prompt_id, placed.chosen AS chosen_id, placed.rejected AS rejected_id
FROM placed
JOIN texts AS chosen ON chosen.key = placed.chosen
JOIN texts AS rejected ON rejected.key = placed.rejected
LEFT JOIN shown ON shown.prompt = placed.prompt AND shown.generator = chosen.generator
