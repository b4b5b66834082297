-- The digest of what a pairing was made from; no row where there is no such pairing.
SELECT facts FROM pairings WHERE key = $pairing
