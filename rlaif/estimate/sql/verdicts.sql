-- A sample of a judge's verdicts with their prompt tokens, their calls, and their subject: a criterion, a prompt, and one
-- response or the two that were compared.
WITH sampled AS (
    SELECT key, coalesce(calls, 1) AS calls, prompt_tokens::DOUBLE AS prompt_tokens FROM verdicts
    WHERE judge = $judge AND prompt_tokens > 0 ORDER BY hash(key) LIMIT $limit::BIGINT
),
judged AS (
    SELECT verdict, any_value(criterion) AS criterion, unnest([any_value(answer)]) AS answer
    FROM scores WHERE verdict IN (SELECT key FROM sampled) GROUP BY verdict
    UNION ALL
    SELECT verdict, criterion, unnest([first, second]) FROM comparisons WHERE verdict IN (SELECT key FROM sampled)
),
texts AS (
    SELECT answer, any_value(prompt) AS prompt, any_value(text) AS text
    FROM judgeable WHERE answer IN (SELECT answer FROM judged) AND failure IS NULL GROUP BY answer
)
SELECT any_value(criterion) AS criterion, list(text) AS texts, any_value(calls) AS calls,
    any_value(prompt_tokens) AS prompt_tokens, any_value(messages) AS messages, any_value(document) AS document,
    any_value(reference) AS reference, any_value(checklist) AS checklist, any_value(metadata) AS metadata
FROM sampled JOIN judged ON judged.verdict = sampled.key JOIN texts USING (answer) JOIN prompts ON prompts.key = texts.prompt
GROUP BY sampled.key
