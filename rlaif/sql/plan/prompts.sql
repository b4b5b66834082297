-- The prompts in play.
SELECT key AS prompt FROM current_prompts
