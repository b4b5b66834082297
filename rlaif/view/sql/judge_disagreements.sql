-- The responses on which two judges differ most (see `judge_points`), largest difference first: at most $limit.
WITH widest AS (
    SELECT one.answer, one.judge AS first, two.judge AS second, one.points AS first_points, two.points AS second_points
    FROM judge_points AS one JOIN judge_points AS two ON two.answer = one.answer AND two.judge > one.judge
    WHERE abs(one.points - two.points) > 0
    ORDER BY abs(one.points - two.points) DESC, one.answer
    LIMIT $limit
),
names AS (SELECT key, max(name) AS name FROM judges GROUP BY key)
SELECT coalesce(one.name, first) AS first, coalesce(two.name, second) AS second, first_points, second_points,
    texts.prompt, left(texts.text, 300) AS text
FROM widest
LEFT JOIN names AS one ON one.key = first
LEFT JOIN names AS two ON two.key = second
JOIN (SELECT answer, min(prompt) AS prompt, min(text) AS text FROM responses SEMI JOIN widest USING (answer) GROUP BY answer) AS texts
    ON texts.answer = widest.answer
ORDER BY abs(first_points - second_points) DESC, texts.prompt
