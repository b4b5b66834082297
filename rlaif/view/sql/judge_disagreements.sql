-- The responses on which two judges differ most, largest difference first: at most $limit. A judge's score is the mean over its
-- current criteria, in hundredths of their scales.
WITH points AS (
    SELECT scores.answer, scores.judge, avg(100 * (score - low) / (high - low))::DOUBLE AS points
    FROM latest_scores AS scores
    JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria ON criteria.key = scores.criterion
    SEMI JOIN current_criteria ON current_criteria.judge = scores.judge AND current_criteria.criterion = scores.criterion
    SEMI JOIN current_judges ON current_judges.key = scores.judge
    WHERE score IS NOT NULL
    GROUP BY scores.answer, scores.judge
),
widest AS (
    SELECT one.answer, one.judge AS first, two.judge AS second, one.points AS first_points, two.points AS second_points
    FROM points AS one JOIN points AS two ON two.answer = one.answer AND two.judge > one.judge
    WHERE abs(one.points - two.points) > 0
    ORDER BY abs(one.points - two.points) DESC, one.answer
    LIMIT $limit
),
names AS (SELECT key, max(name) AS name FROM judges GROUP BY key)
SELECT coalesce(one.name, first) AS first, coalesce(two.name, second) AS second, first_points, second_points,
    said.prompt, left(said.text, 300) AS text
FROM widest
LEFT JOIN names AS one ON one.key = first
LEFT JOIN names AS two ON two.key = second
JOIN (SELECT answer, min(prompt) AS prompt, min(text) AS text FROM responses SEMI JOIN widest USING (answer) GROUP BY answer) AS said
    ON said.answer = widest.answer
ORDER BY abs(first_points - second_points) DESC, said.prompt
