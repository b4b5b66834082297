-- The prompt with the most text, its document and reference included.
SELECT messages, document, reference, checklist, metadata FROM current_prompts
ORDER BY length(messages) + coalesce(length(document), 0) + coalesce(length(reference), 0) DESC, key
LIMIT 1
