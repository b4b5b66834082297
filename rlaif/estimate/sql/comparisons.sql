-- The number of pending comparisons of stored responses: every two answers in both orders, $repeats times; in a knock-out,
-- one match less than there are answers; or each answer of the generator $against with each of the others'. The parameters
-- are those of pipeline/sql/pairwise/pending.sql.
WITH criteria AS (
    SELECT unnest($criteria::STRUCT(criterion VARCHAR, schedule VARCHAR)[], recursive := true)
),
prompts AS (
    SELECT key AS prompt FROM current_prompts WHERE bucket < $held_out
    ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
),
answers AS (
    SELECT responses.prompt, answer, coalesce(bool_or(generator = $against), true) AS its,
        coalesce(bool_or(generator <> $against), true) AS others
    FROM responses SEMI JOIN prompts ON prompts.prompt = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
        AND sample < coalesce($samples::BIGINT, 9223372036854775807)
    GROUP BY responses.prompt, answer
),
made AS (
    SELECT criterion, comparisons.prompt, count(DISTINCT (first, second, repeat)) AS made
    FROM comparisons JOIN answers AS one ON one.answer = first JOIN answers AS two ON two.answer = second
    WHERE ((one.its AND two.others) OR (two.its AND one.others)) AND judge = $judge AND repeat < $repeats
        AND (preferred IS NOT NULL OR NOT list_contains($transient::VARCHAR[], failure))
    GROUP BY criterion, comparisons.prompt
),
-- Both orders of every two texts that are compared ($against's with the others'), without double counting.
met AS (
    SELECT prompt, count(*) AS n, count(*) FILTER (its AND others) AS shared,
        2 * (count(*) FILTER (its) * count(*) FILTER (others) - shared) - shared * (shared - 1) AS orders
    FROM answers GROUP BY prompt
),
asked AS (
    SELECT criterion, prompt, $repeats * if(schedule = 'knock_out' AND $against::VARCHAR IS NULL, 2 * (n - 1), orders) AS comparisons
    FROM criteria CROSS JOIN met
)
SELECT greatest(comparisons - coalesce(made, 0), 0) AS comparisons
FROM asked LEFT JOIN made USING (criterion, prompt)
