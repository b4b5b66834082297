-- The pairing that was made last.
SELECT key FROM pairings ORDER BY created DESC LIMIT 1
