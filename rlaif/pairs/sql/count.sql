-- The number of pairs of a pairing.
SELECT count(*) AS pairs FROM pairs WHERE pairing = $pairing
