-- The digest of a pairing's inputs; no row if there is no such pairing.
SELECT facts FROM pairings WHERE key = $pairing
