-- Prompts whose key starts with $prefix, or that have a response with exactly that key: at most five, in order of collection. Row
-- numbers are found first, because DuckDB would read all texts for a condition on two tables.
WITH found AS MATERIALIZED (
    SELECT key, messages, document, reference, checklist, metadata, source, position
    FROM prompts
    WHERE rowid IN (
        SELECT rowid FROM prompts WHERE starts_with(key, $prefix)
        UNION
        SELECT prompts.rowid FROM prompts SEMI JOIN (FROM responses WHERE responses.key = $prefix) AS mine ON mine.prompt = prompts.key
    )
    ORDER BY position
    LIMIT 5
)
SELECT key, messages, document, reference, checklist, metadata, source,
    key IN (SELECT prompt FROM active_prompts WHERE prompt IN (SELECT key FROM found)) AS in_play
FROM found
ORDER BY position
