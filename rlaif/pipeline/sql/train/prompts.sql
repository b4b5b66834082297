-- The prompts that may be trained on, in the order of arrival: those whose bucket is below $held_out are held out.
SELECT key AS prompt, messages, document, reference, checklist, metadata FROM current_prompts WHERE bucket >= $held_out ORDER BY position, key
