-- How many prompts ended how in a pairing.
SELECT outcome, count(*) AS prompts FROM outcomes
WHERE pairing = $pairing AND response IS NULL GROUP BY outcome ORDER BY prompts DESC, outcome
