-- Scored responses of a pairing's prompts, best first, one row per prompt with at least two: `responses` as message lists,
-- `scores` in hundredths of the scale by the pairing's judge and weights (the probability of winning against the others, if
-- that judge only compared), `response_ids`. `split` is by prompt; `place` numbers a split's rows in order of collection.
CREATE OR REPLACE TABLE memory.lists AS
WITH pairing AS (
    SELECT spec ->> '$.judge' AS judge, json_extract_string(spec, '$.generators[*]') AS generators,
        CAST(spec ->> '$.criteria[0].denominator' AS DECIMAL(38, 0)) AS denominator
    FROM pairings WHERE key = $pairing
),
weighed AS (
    SELECT scores.answer,
        CAST(100 * sum(criteria.factor * (scores.score - criteria.low)) / any_value(pairing.denominator) AS DOUBLE) AS score
    FROM pairing
    JOIN paired_scores AS scores ON scores.pairing = $pairing
    JOIN pairing_criteria AS criteria ON criteria.criterion = scores.criterion AND criteria.pairing = $pairing
    GROUP BY scores.answer
    HAVING count(*) FILTER (criteria.weight > 0)
        = (SELECT count(*) FROM pairing_criteria WHERE pairing = $pairing AND weight > 0)
),
fitted AS (
    SELECT answer, CAST(100 * score AS DOUBLE) AS score FROM strengths
    WHERE pairing = $pairing AND NOT EXISTS (FROM pairing_criteria WHERE pairing = $pairing)
),
scored AS (FROM weighed UNION ALL FROM fitted),
answers AS (
    SELECT prompt, answer, min(key) AS response, any_value(text) AS text, min(generator) AS generator, any_value(score) AS score
    FROM responses JOIN scored USING (answer)
    WHERE failure IS NULL AND list_contains((SELECT generators FROM pairing), generator)
    GROUP BY prompt, answer
),
ranked AS (
    SELECT prompt, arg_max(generator, (score, response)) AS generator,
        list([{'role': 'assistant', 'content': text}] ORDER BY score DESC, response) AS responses,
        list(score ORDER BY score DESC, response) AS scores,
        list(response ORDER BY score DESC, response) AS response_ids
    FROM answers GROUP BY prompt HAVING count(*) > 1
),
shown AS (
    SELECT prompt, generator, min(messages) AS messages FROM rendered_prompts GROUP BY prompt, generator
)
SELECT
    CASE WHEN prompts.bucket < $held_out THEN 'held_out' ELSE 'train' END AS split,
    row_number() OVER (PARTITION BY split ORDER BY prompts.position) - 1 AS place,
    from_json(coalesce(shown.messages, prompts.messages), '[{"role": "VARCHAR", "content": "VARCHAR"}]') AS prompt,
    responses, scores, ranked.prompt AS prompt_id, response_ids
FROM ranked
JOIN current_prompts AS prompts ON prompts.key = ranked.prompt
LEFT JOIN shown ON shown.prompt = ranked.prompt AND shown.generator = ranked.generator;

CREATE OR REPLACE VIEW memory.export AS FROM lists
