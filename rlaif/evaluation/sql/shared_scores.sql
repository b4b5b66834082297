-- Scores by two judges of the same responses on criteria of the same name, in hundredths of each range: `value` is the number
-- that the judge chose, `score` the one used (the expected value, if all responses to the prompt have one). One row per
-- response and name.
WITH given AS (
    SELECT judge, answer, criterion, value, latest_scores.score::DOUBLE AS score
    FROM latest_scores JOIN (
        SELECT judge, answer, criterion, avg(value)::DOUBLE AS value FROM scores
        WHERE value IS NOT NULL GROUP BY judge, answer, criterion
    ) AS chosen USING (judge, answer, criterion)
    WHERE judge IN ($first, $second)
),
named AS (
    SELECT judge, criteria.*, criteria.rowid AS place
    FROM criteria JOIN (SELECT DISTINCT judge, criterion FROM given) AS used ON used.criterion = criteria.key
    QUALIFY criteria.rowid = max(criteria.rowid) OVER (PARTITION BY judge, name)
),
hundredths AS (
    SELECT given.judge, answer, name, place,
        100 * (value - low) / (high - low) AS value, 100 * (score - low) / (high - low) AS score
    FROM given JOIN named ON named.judge = given.judge AND named.key = given.criterion
)
SELECT one.name AS criterion, one.answer,
    one.value AS first_value, one.score AS first_score, two.value AS second_value, two.score AS second_score
FROM hundredths AS one JOIN hundredths AS two ON two.answer = one.answer AND two.name = one.name
SEMI JOIN responses ON responses.answer = one.answer
WHERE one.judge = $first AND two.judge = $second
ORDER BY one.place, one.answer
