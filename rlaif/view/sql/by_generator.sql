-- The responses of the generator $generator, by name.
SELECT key FROM responses
WHERE generator IN (SELECT key FROM generators WHERE name = $generator UNION SELECT $generator)
