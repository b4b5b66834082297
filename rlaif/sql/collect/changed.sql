-- Takes out known prompts whose metadata, which is no part of their key, has changed; they come back with the new one.
DELETE FROM prompts
USING read_parquet($folder || '/prompts.parquet') AS staged, kept
WHERE staged.position = kept.position AND prompts.key = staged.key AND prompts.metadata <> staged.metadata
