-- One successful verdict of $judge, if it has any.
SELECT key FROM verdicts WHERE judge = $judge AND failure IS NULL LIMIT 1
