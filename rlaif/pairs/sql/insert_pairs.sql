-- The judged pairs that are kept, in the order of their prompts' arrival.
INSERT INTO pairs
-- Both sides at once, so that the keys of millions of responses are read only once.
WITH sides AS MATERIALIZED (
    SELECT rowid AS response, key FROM responses
    WHERE rowid IN (SELECT unnest([chosen, rejected]) FROM judged WHERE kept)
)
SELECT $pairing, prompts.key, one.key, other.key, margin, confidence
FROM judged
JOIN prompts ON prompts.rowid = judged.prompt
JOIN sides AS one ON one.response = judged.chosen
JOIN sides AS other ON other.response = judged.rejected
WHERE kept
ORDER BY prompts.position, lead DESC, chosen, rejected
