-- The generators, besides the $known ones, with responses to at least 10 held-out prompts that a judge has scored or compared.
SELECT responses.generator
FROM responses
SEMI JOIN (FROM current_prompts WHERE bucket < $held_out) AS asked ON asked.key = responses.prompt
SEMI JOIN (
    SELECT answer FROM scores WHERE judge = $judge AND value IS NOT NULL
    UNION ALL SELECT unnest([first, second]) FROM comparisons WHERE judge = $judge AND preferred IS NOT NULL
) AS judged ON judged.answer = responses.answer
WHERE failure IS NULL AND sample < coalesce($samples::BIGINT, 9223372036854775807)
    AND generator NOT IN (SELECT unnest($known::VARCHAR[])) AND coalesce($limit::BIGINT, 10) >= 10
GROUP BY responses.generator HAVING count(DISTINCT prompt) >= 10
ORDER BY responses.generator
