-- The specification of a pairing.
SELECT spec FROM pairings WHERE key = $pairing
