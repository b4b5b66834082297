-- The texts that a judge sees for the prompts $keys, one row per prompt: `texts` is a map from answer to text.
SELECT prompts.key AS prompt, messages, document, reference, checklist, metadata, texts
FROM (
    SELECT prompt, map(list(answer), list(text)) AS texts
    FROM (
        SELECT DISTINCT prompt, answer, text FROM judgeable
        WHERE prompt IN (SELECT unnest($keys::VARCHAR[])) AND failure IS NULL
    )
    GROUP BY prompt
) AS answers JOIN prompts ON prompts.key = answers.prompt
