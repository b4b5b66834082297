-- Deletes known prompts whose metadata, which is not part of their key, has changed; they are added again with the new
-- metadata.
DELETE FROM prompts
USING staged_prompts AS staged, kept
WHERE staged.position = kept.position AND prompts.key = staged.key AND prompts.metadata <> staged.metadata
