-- The same for a judge that compared responses two by two: points are comparisons won less comparisons lost.
CREATE OR REPLACE TEMP TABLE candidates AS
WITH votes AS (
    SELECT first AS answer, CASE preferred WHEN 'first' THEN 1 WHEN 'second' THEN -1 ELSE 0 END AS vote
    FROM comparisons WHERE judge = $judge
    UNION ALL
    SELECT second, CASE preferred WHEN 'second' THEN 1 WHEN 'first' THEN -1 ELSE 0 END
    FROM comparisons WHERE judge = $judge
),
scored AS (SELECT answer, sum(vote) AS points FROM votes GROUP BY answer)
SELECT responses.prompt, min(responses.key) AS response, responses.answer,
    any_value(scored.points)::DECIMAL(38, 6) AS points,
    NULL::DOUBLE AS spread,
    bool_and(responses.finish IS DISTINCT FROM 'stop') AS vetoed,
    md5_number_lower($seed::VARCHAR || responses.answer) AS coin
FROM responses
JOIN current_prompts AS prompts ON prompts.key = responses.prompt
JOIN scored ON scored.answer = responses.answer
WHERE responses.failure IS NULL AND responses.generator IN (SELECT unnest($generators::VARCHAR[]))
GROUP BY responses.prompt, responses.answer
