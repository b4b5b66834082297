-- The parts that prompts belong to, one row per prompt and kind of part: its `source` (the name of its file or dataset), and each column of
-- its metadata. Only kinds with two to twelve different values; a prompt without a value is 'none'.
WITH given AS (
    SELECT key AS prompt, 'source' AS kind, regexp_replace(source, '^.*/|:[0-9]+$', '', 'g') AS part FROM current_prompts
    UNION ALL
    SELECT key, name, coalesce(left(json_extract_string(metadata, '$."' || name || '"'), 80), 'none')
    FROM (SELECT key, metadata, unnest(json_keys(metadata)) AS name FROM current_prompts)
)
FROM given SEMI JOIN (
    SELECT kind FROM given GROUP BY kind HAVING count(DISTINCT part) BETWEEN 2 AND 12
) AS shown USING (kind)
