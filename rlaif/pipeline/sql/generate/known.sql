-- Whether a generator was introduced before.
SELECT key FROM generators WHERE key = $generator LIMIT 1
