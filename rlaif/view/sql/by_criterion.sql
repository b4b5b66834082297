-- The pairs of a pairing whose scores by $criterion differ by $lead_from to $lead_to: chosen minus rejected, in hundredths of the
-- criterion's scale. Without limits: the pairs with both scores.
WITH scored AS (
    SELECT responses.key, (100 * (score - criteria.low) / (criteria.high - criteria.low))::DOUBLE AS percent
    FROM paired_scores AS scores
    JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria WHERE name = $criterion GROUP BY key) AS criteria
        ON criteria.key = scores.criterion
    JOIN responses ON responses.answer = scores.answer
    WHERE scores.pairing = $pairing
)
SELECT pairs.chosen, pairs.rejected
FROM pairs JOIN scored AS one ON one.key = pairs.chosen JOIN scored AS two ON two.key = pairs.rejected
WHERE pairs.pairing = $pairing
    AND one.percent - two.percent BETWEEN coalesce($lead_from, -1000) AND coalesce($lead_to, 1000)
