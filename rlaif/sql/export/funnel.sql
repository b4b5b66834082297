-- How everything of a pairing ended: one row a kind of thing and outcome.
SELECT 'rows of the sources' AS what, reason AS outcome, count(*) AS n, 1 AS step
FROM dropped WHERE what = 'prompt' GROUP BY reason
UNION ALL
SELECT if(response IS NULL, 'prompts', 'responses'), outcome, count(*), if(response IS NULL, 2, 3)
FROM outcomes WHERE pairing = $pairing GROUP BY response IS NULL, outcome
ORDER BY step, n DESC, outcome
