-- The model name that the server of a judge reported first.
SELECT model FROM served_models WHERE judge = $judge ORDER BY rowid LIMIT 1
