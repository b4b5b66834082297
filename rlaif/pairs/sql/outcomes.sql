-- How many prompts ended how in a pairing.
SELECT reason AS outcome, count(*) AS prompts FROM reasons
WHERE pairing = $pairing AND response IS NULL GROUP BY reason ORDER BY prompts DESC, reason
