-- The mean score of each response by each current judge over the judge's current criteria, in hundredths of their scales.
CREATE OR REPLACE TEMP VIEW judge_points AS
SELECT scores.answer, scores.judge, avg(100 * (score - low) / (high - low))::DOUBLE AS points
FROM latest_scores AS scores
JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria ON criteria.key = scores.criterion
SEMI JOIN current_criteria ON current_criteria.judge = scores.judge AND current_criteria.criterion = scores.criterion
SEMI JOIN current_judges ON current_judges.key = scores.judge
WHERE score IS NOT NULL
GROUP BY scores.answer, scores.judge
