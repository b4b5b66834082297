-- The number of prompts with each outcome in a pairing.
SELECT reason AS outcome, count(*) AS prompts FROM reasons
WHERE pairing = $pairing AND response IS NULL GROUP BY reason ORDER BY prompts DESC, reason
