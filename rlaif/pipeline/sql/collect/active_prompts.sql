-- The prompts that the sources hold now.
INSERT INTO active_prompts
SELECT key FROM staged_prompts AS staged SEMI JOIN kept ON kept.position = staged.position
