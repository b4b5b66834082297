-- The numbers of the generator $generator, by name (see `indexed`).
SELECT min(rowid) FROM generators
WHERE key IN (SELECT key FROM generators WHERE name = $generator) OR key = $generator
GROUP BY key
