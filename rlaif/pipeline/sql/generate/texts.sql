-- What a generator is shown of the prompts $keys, one row a prompt.
SELECT key AS prompt, messages, document, reference, checklist FROM prompts WHERE key IN (SELECT unnest($keys::VARCHAR[]))
