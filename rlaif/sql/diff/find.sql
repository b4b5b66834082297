-- The pairings whose key starts with $prefix.
SELECT key FROM pairings WHERE starts_with(key, $prefix) ORDER BY key LIMIT 2
