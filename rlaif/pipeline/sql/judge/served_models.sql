-- Under which name the server of a judge's model answered first.
SELECT model FROM served_models WHERE judge = $judge ORDER BY rowid LIMIT 1
