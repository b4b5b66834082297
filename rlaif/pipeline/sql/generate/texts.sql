-- The texts and metadata that a generator's template can use for the prompts $keys, one row per prompt.
SELECT key AS prompt, messages, document, reference, checklist, metadata FROM prompts WHERE key IN (SELECT unnest($keys::VARCHAR[]))
