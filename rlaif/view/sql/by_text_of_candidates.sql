-- The same as `by_text` for the few prompts of `candidates`. The row numbers of their responses are found first, because DuckDB
-- would read all texts for a join by key.
WITH shown AS MATERIALIZED (SELECT DISTINCT prompt_row FROM candidates),
searched AS MATERIALIZED (SELECT rowid AS number, key, messages, document FROM prompts WHERE rowid IN (FROM shown)),
theirs AS MATERIALIZED (
    SELECT responses.rowid AS number, searched.number AS prompt_row
    FROM responses JOIN searched ON searched.key = responses.prompt
)
SELECT number FROM searched
WHERE (messages ILIKE $pattern AND contains(lower(messages), $text)) OR (document ILIKE $pattern AND contains(lower(document), $text))
UNION ALL
SELECT prompt_row
FROM (SELECT rowid AS number, text FROM responses WHERE rowid IN (SELECT number FROM theirs)) AS texts JOIN theirs USING (number)
WHERE text ILIKE $pattern AND contains(lower(text), $text)
