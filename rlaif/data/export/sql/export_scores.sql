-- The pairing's scores of responses, one row per answer: `score` is the total in hundredths of the scale by the pairing's
-- weights (null if a weighted criterion has no score; the probability of winning against the prompt's other responses, if the
-- judge only compared), `criterion_scores` a JSON object of the scores by criterion, each on its own scale.
CREATE OR REPLACE TABLE memory.export_scores AS
WITH weighed AS (
    SELECT scores.answer,
        round(CAST(100 * sum(criteria.factor * (scores.score - criteria.low)) / (
            SELECT CAST(spec ->> '$.criteria[0].denominator' AS DECIMAL(38, 0)) FROM pairings WHERE key = $pairing
        ) AS DOUBLE), 6) AS total,
        count(*) FILTER (criteria.weight > 0)
            = (SELECT count(*) FROM pairing_criteria WHERE pairing = $pairing AND weight > 0) AS whole,
        to_json(map_from_entries(list((criteria.name, scores.score::DOUBLE) ORDER BY criteria.name))) AS criterion_scores
    FROM paired_scores AS scores
    JOIN pairing_criteria AS criteria
        ON criteria.criterion = scores.criterion AND criteria.pairing = scores.pairing
    SEMI JOIN shown_answers AS shown ON shown.answer = scores.answer
    WHERE scores.pairing = $pairing
    GROUP BY scores.answer
)
SELECT answer, CASE WHEN whole THEN total END AS score, criterion_scores FROM weighed
UNION ALL
SELECT answer, CAST(100 * score AS DOUBLE), NULL FROM strengths
WHERE pairing = $pairing AND NOT EXISTS (FROM pairing_criteria WHERE pairing = $pairing)
