-- Prompts whose key starts with $prefix, or that have a response or an exported pair (pair_id) with exactly that key: at most
-- five, in order of collection.
SELECT key, messages, document, reference, checklist, metadata, source, key IN (SELECT prompt FROM active_prompts) AS in_play
FROM prompts
WHERE starts_with(key, $prefix) OR key IN (SELECT prompt FROM responses WHERE responses.key = $prefix)
    OR key IN (SELECT prompt FROM pairs WHERE md5(chosen || rejected) = $prefix)
ORDER BY position
LIMIT 5
