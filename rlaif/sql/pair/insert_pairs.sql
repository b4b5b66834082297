-- The judged pairs that are kept, in the order of their prompts' arrival.
INSERT INTO pairs
SELECT $pairing, prompts.key, one.key, other.key, margin, confidence
FROM judged
JOIN prompts ON prompts.rowid = judged.prompt
JOIN responses AS one ON one.rowid = judged.chosen
JOIN responses AS other ON other.rowid = judged.rejected
WHERE kept
ORDER BY prompts.position, lead DESC, chosen, rejected
