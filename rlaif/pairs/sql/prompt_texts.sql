-- The texts of every prompt in play.
SELECT prompts.rowid AS prompt, from_json(messages, '[{"content": "VARCHAR"}]') AS turns, document, reference
FROM prompts SEMI JOIN collected ON collected.prompt = prompts.key ORDER BY position
