-- The pairing that was made last; no row before the first one.
SELECT key FROM newest_pairing
