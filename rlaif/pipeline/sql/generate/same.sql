-- The number of prompts with two or more responses by a generator, and how many of them have only equal ones.
SELECT count(*) AS prompts, count(*) FILTER (texts = 1) AS same
FROM (
    SELECT count(DISTINCT answer) AS texts FROM responses
    WHERE generator = $generator AND failure IS NULL
    GROUP BY prompt HAVING count(*) > 1
)
