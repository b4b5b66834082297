-- Whether any two answers were compared.
SELECT 1 AS fought FROM bouts LIMIT 1
