-- The number of rows of the last collection.
WITH imported AS (
    SELECT key FROM generators WHERE spec = '{"kind": "imported"}'
    UNION ALL SELECT key FROM judges WHERE spec = '{"kind": "imported"}'
)
SELECT
    (SELECT count(*) FROM active_prompts) AS prompts,
    (SELECT count(*) FROM responses SEMI JOIN imported ON imported.key = responses.generator) AS responses,
    (SELECT count(*) FROM scores SEMI JOIN imported ON imported.key = scores.judge) AS scores,
    (SELECT count(*) FROM comparisons SEMI JOIN imported ON imported.key = comparisons.judge) AS comparisons
