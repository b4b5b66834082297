-- The judge's scores of these answers, each an answer to the prompt (a key) at the same place in $prompts: one row per
-- answer and criterion with a value. Answers to one prompt are compared with each other, so expected values are used for a
-- criterion only if every reply about those answers has one.
SELECT answer, criterion,
    CAST(if(sum(count(expected)) OVER together = sum(count(value)) OVER together, sum(expected), sum(value)) / count(value)
        AS DECIMAL(18, 6))::DOUBLE AS score
FROM scores JOIN (SELECT unnest($answers::VARCHAR[]) AS answer, unnest($prompts::VARCHAR[]) AS prompt) AS asked USING (answer)
WHERE judge = $judge AND value IS NOT NULL
GROUP BY prompt, answer, criterion
WINDOW together AS (PARTITION BY prompt, criterion)
