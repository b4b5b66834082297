-- The pairing that was made last: `key`; no row before the first one.
SELECT key FROM pairings ORDER BY created DESC, key LIMIT 1
