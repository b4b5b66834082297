-- Outcomes of a pairing's source rows, prompts and responses: one row per kind and outcome.
SELECT 'rows of the sources' AS what, reason AS outcome, count(*) AS n, 1 AS step
FROM dropped WHERE what = 'prompt' GROUP BY reason
UNION ALL
SELECT what, outcome, n, if(what = 'prompts', 2, 3) FROM outcomes_counted WHERE pairing = $pairing
ORDER BY step, n DESC, outcome
