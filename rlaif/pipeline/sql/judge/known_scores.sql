-- What this judge has made of these answers, each to the prompt (a key) at its place in $prompts: one row an answer and
-- criterion that has a value. Those to one prompt are compared with each other, so nothing is told in expected values by a
-- criterion where its replies about them gave these only in part.
SELECT answer, criterion,
    CAST(if(sum(count(expected)) OVER together = sum(count(value)) OVER together, sum(expected), sum(value)) / count(value)
        AS DECIMAL(18, 6))::DOUBLE AS score
FROM scores JOIN (SELECT unnest($answers::VARCHAR[]) AS answer, unnest($prompts::VARCHAR[]) AS prompt) AS asked USING (answer)
WHERE judge = $judge AND value IS NOT NULL
GROUP BY prompt, answer, criterion
WINDOW together AS (PARTITION BY prompt, criterion)
