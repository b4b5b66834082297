-- Responses to attack: one per prompt that the judge has scored or compared, for the first $answers prompts by digest.
SELECT prompt, answer, any_value(text) AS text
FROM responses SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
    AND answer IN (
        SELECT answer FROM scores WHERE judge = $judge AND value IS NOT NULL
        UNION ALL SELECT first FROM comparisons WHERE judge = $judge AND preferred IS NOT NULL
    )
GROUP BY prompt, answer
QUALIFY row_number() OVER (PARTITION BY prompt ORDER BY md5(answer)) = 1
ORDER BY md5(prompt) LIMIT $answers
