-- Scored responses of a pairing's prompts with at least two, one row per response: `rank` counts from 1, the best. `messages`
-- are those that were sent to the best response's generator. `split` is by prompt; `place` numbers a split's prompts in order
-- of collection.
CREATE OR REPLACE TABLE memory.list_texts AS
WITH answers AS (
    SELECT prompt, answer, min(key) AS key FROM responses
    WHERE failure IS NULL AND list_contains(
        (SELECT json_extract_string(spec, '$.generators[*]') FROM pairings WHERE key = $pairing), generator
    )
    GROUP BY prompt, answer
),
ranked AS (
    SELECT texts.*, row_number() OVER (PARTITION BY texts.prompt ORDER BY score DESC, texts.key) AS rank,
        count(*) OVER (PARTITION BY texts.prompt) AS n
    FROM answers JOIN response_texts AS texts USING (key)
    WHERE score IS NOT NULL
),
best AS (
    SELECT ranked.prompt, shown.messages FROM ranked
    JOIN shown_prompts AS shown ON shown.prompt = ranked.prompt AND shown.generator = ranked.generator_key
    WHERE rank = 1
)
SELECT CASE WHEN prompts.bucket < $held_out THEN 'test' ELSE 'train' END AS split,
    dense_rank() OVER (PARTITION BY split ORDER BY prompts.position, ranked.prompt) - 1 AS place, rank,
    coalesce(best.messages, prompts.messages) AS messages, ranked.text AS response, ranked.reasoning AS response_reasoning,
    ranked.score, ranked.criterion_scores, ranked.rationales, ranked.generator,
    regexp_replace(prompts.source, '^(/|\w:).*[/\\]', '') AS source, prompts.metadata,
    ranked.prompt AS prompt_id, ranked.key AS response_id
FROM ranked
JOIN current_prompts AS prompts ON prompts.key = ranked.prompt
LEFT JOIN best ON best.prompt = ranked.prompt
WHERE n > 1
