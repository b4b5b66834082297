-- These prompts, with all that a judge is shown of them.
SELECT key, messages, document, reference FROM prompts WHERE key IN (SELECT unnest($prompts::VARCHAR[])) ORDER BY key
