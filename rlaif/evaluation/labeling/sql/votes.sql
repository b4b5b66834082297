-- The pairs of responses that a person has voted on, each with the preferred response, or "tie".
SELECT least(first, second) AS a, greatest(first, second) AS b,
    arg_max(CASE preferred WHEN 'first' THEN first WHEN 'second' THEN second ELSE preferred END, rowid) AS preferred
FROM comparisons WHERE judge = $judge
GROUP BY ALL
