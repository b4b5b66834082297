-- One pairing's specification.
SELECT spec FROM pairings WHERE key = $pairing
