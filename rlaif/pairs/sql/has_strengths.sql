-- Whether any imported vote of these judges has a strength.
SELECT 1 AS graded FROM comparisons
WHERE judge IN (SELECT unnest($judges::VARCHAR[])) AND verdict IS NULL AND probability IS NOT NULL LIMIT 1
