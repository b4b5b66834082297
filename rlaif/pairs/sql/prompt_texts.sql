-- The texts of every active prompt.
SELECT prompts.rowid AS prompt, from_json(messages, '[{"content": "VARCHAR"}]') AS turns, document, reference
FROM prompts SEMI JOIN active_prompts ON active_prompts.prompt = prompts.key ORDER BY position
