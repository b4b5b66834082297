-- Prompts whose key starts with $prefix, or that have a response with exactly that key: at most five, in order of collection.
SELECT key, messages, document, reference, checklist, metadata, source, key IN (SELECT prompt FROM active_prompts) AS in_play
FROM prompts
WHERE starts_with(key, $prefix) OR key IN (SELECT prompt FROM responses WHERE responses.key = $prefix)
ORDER BY position
LIMIT 5
