-- Whether any two answers were compared.
SELECT 1 AS compared FROM bouts LIMIT 1
