-- The pairing of the last round of a chain; no row before the first round is finished.
SELECT pairing FROM rounds WHERE chain = $chain ORDER BY number DESC LIMIT 1
