-- The total score of each response in $answers by each judge whose scores make the pairs: the mean by the weights of the
-- pairing, in hundredths of the scale. A response that lacks a score with a weight has no total.
WITH weighed AS (
    SELECT criterion, weight FROM pairing_criteria WHERE weight > 0 AND pairing IN (SELECT key FROM report_pairing)
)
SELECT answer, judge, (sum(weight * 100 * (score - scores.low) / (high - scores.low)) / sum(weight))::DOUBLE AS total
FROM report_scores AS scores JOIN weighed ON weighed.criterion = scores.criterion_key
WHERE labels AND answer IN (SELECT unnest($answers::VARCHAR[]))
GROUP BY answer, judge
HAVING count(score) = (SELECT count(*) FROM weighed)
ORDER BY judge
