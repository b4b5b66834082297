-- Whether any vote has a strength.
SELECT 1 AS graded FROM ballots WHERE judge = $judge AND verdict IS NULL AND probability IS NOT NULL LIMIT 1
