-- A verdict that $judge gave, if there is any.
SELECT key FROM verdicts WHERE judge = $judge AND failure IS NULL LIMIT 1
