-- One successful response of $generator, if it has any.
SELECT key FROM responses WHERE generator = $generator AND failure IS NULL LIMIT 1
