-- The staged comparisons of answers to kept prompts. Each is one vote, also where two say the same.
INSERT INTO comparisons BY NAME
SELECT prompt, first, second, judge, 'overall' AS criterion, preferred
FROM read_parquet($folder || '/comparisons.parquet') AS staged
SEMI JOIN collected ON collected.prompt = staged.prompt
ORDER BY position
