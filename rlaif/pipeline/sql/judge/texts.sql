-- The texts that a judge sees for the answers $keys, one row per answer.
SELECT answer, prompt, text, prompts.messages, prompts.document, prompts.reference, prompts.checklist, prompts.metadata
FROM (
    SELECT answer, any_value(prompt) AS prompt, any_value(text) AS text
    FROM judgeable WHERE answer IN (SELECT unnest($keys::VARCHAR[])) AND failure IS NULL
    GROUP BY answer
) AS answers JOIN prompts ON prompts.key = answers.prompt
