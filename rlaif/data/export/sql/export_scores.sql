-- The pairing's scores of responses, one row per answer: `score` is the total in hundredths of the scale by the pairing's
-- weights (null if a weighted criterion has no score; the probability of winning against the prompt's other responses, if the
-- judge only compared), `criterion_scores` a struct of the scores by criterion, each on its own scale. {by_criterion} is filled
-- in by `columns.py`.
-- The scores are those of the view `paired_scores`, which would compute them for all answers.
CREATE OR REPLACE TABLE memory.export_scores AS
WITH judged AS (
    SELECT scores.answer, scores.criterion,
        CAST(if(count(expected) = count(value) AND count(uneven.answer) = 0, sum(expected), sum(value)) / count(value)
            AS DECIMAL(18, 6)) AS score
    FROM scores
    SEMI JOIN shown_answers AS shown ON shown.answer = scores.answer
    LEFT JOIN uneven_scores AS uneven
        ON uneven.answer = scores.answer AND uneven.judge = scores.judge AND uneven.criterion = scores.criterion
    WHERE scores.judge = (SELECT spec ->> '$.judge' FROM pairings WHERE key = $pairing AND (spec ->> '$.mix') IS NULL)
    GROUP BY scores.answer, scores.criterion HAVING count(value) > 0
),
paired AS (
    FROM judged
    UNION ALL
    SELECT answer, criterion, score FROM strengths JOIN pairings ON pairings.key = strengths.pairing
    WHERE pairing = $pairing AND (spec ->> '$.mix') IS NULL
    UNION ALL
    SELECT answer, criterion, score FROM mixed WHERE pairing = $pairing
),
weighed AS (
    SELECT scores.answer,
        round(CAST(100 * sum(criteria.factor * (scores.score - criteria.low)) / (
            SELECT CAST(spec ->> '$.criteria[0].denominator' AS DECIMAL(38, 0)) FROM pairings WHERE key = $pairing
        ) AS DOUBLE), 6) AS total,
        count(*) FILTER (criteria.weight > 0)
            = (SELECT count(*) FROM pairing_criteria WHERE pairing = $pairing AND weight > 0) AS whole,
        {by_criterion} AS criterion_scores
    FROM paired AS scores
    JOIN pairing_criteria AS criteria ON criteria.criterion = scores.criterion AND criteria.pairing = $pairing
    SEMI JOIN shown_answers AS shown ON shown.answer = scores.answer
    GROUP BY scores.answer
)
SELECT answer, CASE WHEN whole THEN total END AS score, criterion_scores FROM weighed
UNION ALL
SELECT answer, CAST(100 * score AS DOUBLE), NULL FROM strengths
WHERE pairing = $pairing AND NOT EXISTS (FROM pairing_criteria WHERE pairing = $pairing)
