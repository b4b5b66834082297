-- How many comparisons a judge has still to make of responses that are there: each two in both orders, $repeats times;
-- in a knock-out, one match less than there are answers. Parameters as in compare/owed.sql.
WITH criteria AS (
    SELECT unnest($criteria::STRUCT(criterion VARCHAR, schedule VARCHAR)[], recursive := true)
),
prompts AS (
    SELECT key AS prompt FROM current_prompts WHERE bucket < $held_out
    ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
),
answers AS (
    SELECT DISTINCT responses.prompt, answer FROM responses SEMI JOIN prompts ON prompts.prompt = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
        AND sample < coalesce($samples::BIGINT, 9223372036854775807)
),
made AS (
    SELECT criterion, prompt, count(DISTINCT (first, second, repeat)) AS made
    FROM comparisons SEMI JOIN answers AS one ON one.answer = first SEMI JOIN answers AS two ON two.answer = second
    WHERE judge = $judge AND repeat < $repeats
        AND (preferred IS NOT NULL OR NOT list_contains($transient::VARCHAR[], failure))
    GROUP BY criterion, prompt
),
asked AS (
    SELECT criterion, prompt, $repeats * (n - 1) * if(schedule = 'knock_out', 2, n) AS comparisons
    FROM criteria CROSS JOIN (SELECT prompt, count(*) AS n FROM answers GROUP BY prompt)
)
SELECT greatest(comparisons - coalesce(made, 0), 0) AS comparisons
FROM asked LEFT JOIN made USING (criterion, prompt)
