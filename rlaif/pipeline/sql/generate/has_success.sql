-- A response that $generator gave, if there is any.
SELECT key FROM responses WHERE generator = $generator AND failure IS NULL LIMIT 1
