-- Adds the kept prompts that are new, after all that came before.
INSERT INTO prompts BY NAME
SELECT staged.* REPLACE (staged.position + (SELECT coalesce(max(position) + 1, 0) FROM prompts) AS position)
FROM read_parquet($folder || '/prompts.parquet') AS staged
SEMI JOIN kept ON kept.position = staged.position
ANTI JOIN prompts ON prompts.key = staged.key
