-- The prompts $prompts with their texts. Row numbers are found first, because DuckDB would read all texts for a join by key.
SELECT key, messages, document, source, metadata FROM prompts
WHERE rowid IN (SELECT rowid FROM prompts WHERE key IN (SELECT unnest($prompts::VARCHAR[])))
