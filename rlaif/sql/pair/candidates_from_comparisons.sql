-- The same for a judge that compared responses two by two: points are the strengths that were fitted to its comparisons.
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT any_value(responses.prompt) AS prompt, min(responses.key) AS response, responses.answer,
    any_value(strengths.points) AS points,
    NULL::DOUBLE AS spread,
    coalesce(bool_or(finish = 'stop'), false) AS finished,
    NOT coalesce(bool_or(finish = 'stop'), false) AS vetoed,
    false AS repeated,
    md5_number_lower($seed::VARCHAR || responses.answer) AS coin
FROM responses SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
JOIN strengths ON strengths.answer = responses.answer
WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
GROUP BY responses.answer
