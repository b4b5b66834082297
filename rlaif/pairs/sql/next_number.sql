-- The number of the next pairing. To be asked before an earlier making of the same one is deleted, whose number is not used again.
SELECT coalesce(max(number), 0) + 1 AS number FROM pairings
