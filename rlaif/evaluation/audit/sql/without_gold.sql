-- Preferences of a voice, independent of a gold judge, one row per block of prompts: pairs and ties; and, of the ordered pairs,
-- those won and lost by the longer response, by the only response that is a list, and by the only response whose generator is
-- of the judge's model family (the first letters of a model's name, or the same checkpoint). `ranges` counts the prompts with
-- two or more responses, and `range` sums the points between the best and the worst response of each.
WITH models AS (
    SELECT key, coalesce(spec -> '$.model', '{}') AS model,
        regexp_extract(lower(coalesce(spec ->> '$.model.model', if((spec ->> '$.kind') = 'imported', name, ''))),
            '(?:^|/)([a-z]+)[^/]*$', 1) AS family
    FROM (SELECT key, name, spec::JSON AS spec FROM judges UNION ALL SELECT key, name, spec::JSON FROM generators)
),
mine AS (
    SELECT model, family FROM models
    WHERE key IN (
        SELECT judge FROM audit_parts WHERE voice = $voice UNION ALL SELECT judge FROM audit_comparing WHERE voice = $voice
    )
    LIMIT 1
),
kin AS (
    SELECT DISTINCT models.key FROM models, mine
    WHERE (models.family <> '' AND models.family = mine.family)
        OR (models.model::VARCHAR <> '{}' AND models.model = mine.model)
),
sides AS (
    SELECT prompt, answer, listed,
        len(list_intersect(generators, (SELECT coalesce(list(key), []) FROM kin))) > 0 AS own
    FROM audit_answers
),
pairs AS (
    SELECT orders.prompt, lead, lead * longer AS longer,
        lead * (a.listed::INT - b.listed::INT) AS listed, lead * (a.own::INT - b.own::INT) AS own
    FROM audit_orders AS orders
        JOIN sides AS a ON a.prompt = orders.prompt AND a.answer = orders.a
        JOIN sides AS b ON b.prompt = orders.prompt AND b.answer = orders.b
    WHERE voice = $voice
),
preferences AS (
    SELECT block, count(*) AS pairs, count(*) FILTER (lead = 0) AS tied,
        count(*) FILTER (longer > 0) AS longer_won, count(*) FILTER (longer < 0) AS longer_lost,
        count(*) FILTER (listed > 0) AS listed_won, count(*) FILTER (listed < 0) AS listed_lost,
        count(*) FILTER (own > 0) AS own_won, count(*) FILTER (own < 0) AS own_lost
    FROM pairs JOIN audit_blocks USING (prompt) GROUP BY block
),
each AS (
    SELECT prompt, max(points) - min(points) AS "range"
    FROM audit_points WHERE voice = $voice GROUP BY prompt HAVING count(*) > 1
),
ranges AS (
    SELECT block, count(*) AS ranges, sum("range") AS "range" FROM each JOIN audit_blocks USING (prompt) GROUP BY block
)
SELECT coalesce(COLUMNS(* EXCLUDE block), 0)
FROM preferences FULL JOIN ranges USING (block)
ORDER BY block
