-- Whether a judge is registered under this name.
SELECT key FROM judges WHERE key = $judge AND name = $name LIMIT 1
