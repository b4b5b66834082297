-- The prompts whose key starts with $prefix, or that a response of just that key answers: at most five, in the order of
-- arrival.
SELECT key, messages, document, reference, checklist, metadata, source, key IN (SELECT prompt FROM active_prompts) AS in_play
FROM prompts
WHERE starts_with(key, $prefix) OR key IN (SELECT prompt FROM responses WHERE responses.key = $prefix)
ORDER BY position
LIMIT 5
