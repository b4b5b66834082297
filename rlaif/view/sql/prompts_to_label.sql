-- The number of prompts with two different responses of the generators $generators.
SELECT count(*) AS n
FROM (
    SELECT responses.prompt
    FROM responses SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
    GROUP BY responses.prompt HAVING min(answer) <> max(answer)
)
