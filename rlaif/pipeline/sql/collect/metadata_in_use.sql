-- Known prompts whose metadata has changed in a column that a generator's or a judge's template shows, if the store holds
-- what it made with the earlier value: one row per generator or judge, and column, with the number of prompts.
WITH changed AS (
    SELECT prompts.key AS prompt, prompts.metadata AS before, staged.metadata AS after, staged.source
    FROM prompts
    JOIN staged_prompts AS staged ON staged.key = prompts.key
    SEMI JOIN kept ON kept.position = staged.position
    WHERE prompts.metadata <> staged.metadata
),
readers AS (
    SELECT 'generator' AS what, key, name, unnest(json_extract_string(spec, '$.metadata[*]')) AS named FROM generators
    UNION
    SELECT 'judge', key, name, unnest(json_extract_string(spec, '$.metadata[*]')) FROM judges
),
made AS (
    SELECT prompt, generator AS key FROM responses
    UNION ALL SELECT responses.prompt, scores.judge FROM scores JOIN responses ON responses.answer = scores.answer
    UNION ALL SELECT prompt, judge FROM comparisons
)
SELECT what, name, named, count(DISTINCT prompt) AS prompts, min(source) AS source
FROM changed CROSS JOIN readers
SEMI JOIN made ON made.prompt = changed.prompt AND made.key = readers.key
WHERE json_extract(before, '$."' || named || '"') IS DISTINCT FROM json_extract(after, '$."' || named || '"')
GROUP BY what, name, named
ORDER BY ALL
