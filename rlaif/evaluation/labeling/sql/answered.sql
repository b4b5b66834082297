-- The prompts that these responses belong to.
SELECT DISTINCT answer, prompt FROM responses WHERE failure IS NULL AND answer IN (SELECT unnest($answers::VARCHAR[]))
