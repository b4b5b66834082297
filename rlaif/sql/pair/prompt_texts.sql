-- The texts of every prompt in play.
SELECT key AS prompt, from_json(messages, '[{"content": "VARCHAR"}]') AS turns, document, reference
FROM current_prompts ORDER BY position
