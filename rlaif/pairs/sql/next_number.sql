-- The number of the next pairing. Query it before an earlier version of the same pairing is deleted, so that its number is
-- not reused.
SELECT coalesce(max(number), 0) + 1 AS number FROM pairings
