-- The difference of the scores by $criterion of each pair with both scores: chosen minus rejected, in hundredths of the
-- criterion's scale.
WITH scored AS (
    SELECT answer, (100 * (score - criteria.low) / (criteria.high - criteria.low))::DOUBLE AS percent
    FROM paired_scores AS scores
    JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria WHERE name = $criterion GROUP BY key) AS criteria
        ON criteria.key = scores.criterion
    WHERE scores.pairing = $pairing
)
SELECT place, one.percent - two.percent AS lead
FROM indexed
JOIN responses AS chosen ON chosen.rowid = chosen_row JOIN responses AS rejected ON rejected.rowid = rejected_row
JOIN scored AS one ON one.answer = chosen.answer JOIN scored AS two ON two.answer = rejected.answer
