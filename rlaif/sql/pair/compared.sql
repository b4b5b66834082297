-- Whether a judge's word is comparisons rather than scores.
SELECT 1 AS compared FROM comparisons WHERE judge = $judge LIMIT 1
