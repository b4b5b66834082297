-- The prompts $prompts with their texts.
SELECT key, messages, document, source, metadata FROM prompts WHERE key IN (SELECT unnest($prompts::VARCHAR[]))
