-- Adds the kept prompts that are new, after all earlier ones.
INSERT INTO prompts BY NAME
SELECT staged.* REPLACE (staged.position + (SELECT coalesce(max(position) + 1, 0) FROM prompts) AS position)
FROM staged_prompts AS staged
SEMI JOIN kept ON kept.position = staged.position
ANTI JOIN prompts ON prompts.key = staged.key
