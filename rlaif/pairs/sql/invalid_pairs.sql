-- Invalid rows of a user's strategy: the first kind of error, its number of pairs, and one response of them.
WITH checked AS (
    SELECT made.chosen, CASE
        WHEN chosen.response IS NULL OR rejected.response IS NULL OR made.lead IS NULL THEN 'unknown'
        WHEN made.chosen = made.rejected THEN 'same'
        WHEN chosen.vetoed THEN 'vetoed'
        WHEN made.lead <= 0 THEN 'tied'
        WHEN count(*) OVER (PARTITION BY least(made.chosen, made.rejected), greatest(made.chosen, made.rejected)) > 1
            THEN 'twice' END AS kind
    FROM made
    LEFT JOIN candidates AS chosen ON chosen.response = made.chosen AND chosen.prompt = made.prompt
    LEFT JOIN candidates AS rejected ON rejected.response = made.rejected AND rejected.prompt = made.prompt
),
found AS (
    SELECT kind, count(*) AS pairs, min(chosen) AS chosen FROM checked WHERE kind IS NOT NULL
    GROUP BY kind ORDER BY array_position(['unknown', 'same', 'vetoed', 'tied', 'twice'], kind) LIMIT 1
)
SELECT kind, pairs, coalesce(key, 'number ' || chosen) AS response
FROM found LEFT JOIN responses ON responses.rowid = found.chosen
