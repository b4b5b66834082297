-- Whether a generator is registered.
SELECT key FROM generators WHERE key = $generator LIMIT 1
