-- The prompts whose key starts with $prefix: at most five, in the order of arrival.
SELECT key, messages, document, reference, metadata, source, key IN (SELECT prompt FROM collected) AS in_play
FROM prompts
WHERE starts_with(key, $prefix)
ORDER BY position
LIMIT 5
