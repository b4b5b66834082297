-- The comparisons that knock-outs still take, by criterion, rounds that are not scheduled yet included: every answer but the
-- winner loses one match, which is shown in both orders, $repeats times.
SELECT criterion, sum(greatest(2 * $repeats * (answers - 1) - coalesce(made, 0), 0))::BIGINT AS n
FROM (
    SELECT responses.prompt, count(DISTINCT answer) AS answers
    FROM responses SEMI JOIN (
        FROM current_prompts WHERE bucket < $held_out ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
    ) AS prompts ON prompts.key = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
        AND sample < coalesce($samples::BIGINT, 9223372036854775807)
        AND ($answers::VARCHAR[] IS NULL OR answer IN (SELECT unnest($answers::VARCHAR[])))
    GROUP BY responses.prompt
) CROSS JOIN (SELECT unnest($criteria::STRUCT(criterion VARCHAR, schedule VARCHAR)[], recursive := true))
LEFT JOIN (
    SELECT criterion, prompt, count(DISTINCT (first, second, repeat)) AS made FROM comparisons
    WHERE judge = $judge AND repeat < $repeats AND (preferred IS NOT NULL OR NOT list_contains($transient::VARCHAR[], failure))
    GROUP BY criterion, prompt
) USING (criterion, prompt)
WHERE schedule = 'knock_out'
GROUP BY criterion
