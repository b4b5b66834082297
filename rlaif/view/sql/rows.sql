-- The rows of the list: each pair of a pairing, and each prompt without a pair with the reason. Without any pairing, all current
-- prompts. `place` is the order in which they are listed.
SELECT prompt, chosen, rejected, margin::DOUBLE AS margin, confidence, 'paired' AS outcome, pairs.rowid AS place
FROM pairs WHERE pairing = $pairing
UNION ALL
SELECT prompt, NULL, NULL, NULL, NULL, reason, 1000000000000 + reasons.rowid
FROM reasons WHERE pairing = $pairing AND response IS NULL AND reason <> 'paired'
UNION ALL
SELECT key, NULL, NULL, NULL, NULL, 'no pairs have been made yet', position
FROM current_prompts WHERE $pairing = ''
