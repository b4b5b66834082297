-- The judged pairs that are kept of the prompts at the positions from $first to $last, in the order of their arrival.
INSERT INTO pairs
WITH shown AS (
    SELECT prompts.key, position, chosen, rejected, lead, margin, confidence
    FROM judged JOIN prompts ON prompts.rowid = judged.prompt
    WHERE kept AND position >= $first AND position < $last
),
-- Both sides at once, so that the keys of millions of responses are read only once.
sides AS MATERIALIZED (SELECT rowid AS response, key FROM responses WHERE rowid IN (SELECT unnest([chosen, rejected]) FROM shown))
SELECT $pairing, shown.key, one.key, other.key, margin, confidence
FROM shown
JOIN sides AS one ON one.response = shown.chosen
JOIN sides AS other ON other.response = shown.rejected
ORDER BY position, lead DESC, chosen, rejected
