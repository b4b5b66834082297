-- The number of rows of each kind in the store.
SELECT 'prompts' AS what, count(*) AS rows FROM current_prompts
UNION ALL SELECT 'responses', count(*) FROM responses WHERE failure IS NULL
UNION ALL SELECT 'distinct answers', count(DISTINCT answer) FROM responses WHERE failure IS NULL
UNION ALL SELECT 'scores', count(*) FROM scores WHERE value IS NOT NULL
UNION ALL SELECT 'comparisons', count(preferred) FROM comparisons
UNION ALL SELECT 'pairs (newest pairing)', count(*) FROM pairs
    WHERE pairing = (SELECT key FROM newest_pairing)
UNION ALL SELECT 'trained models', count(*) FROM trainings
