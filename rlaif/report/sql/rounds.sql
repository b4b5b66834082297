-- The rounds of the most recent chain, in order; empty if the pipeline has no rounds.
SELECT number, pairs, fresh, margin, shared, judge, before, after, stopped
FROM rounds
WHERE chain = (SELECT arg_max(chain, rowid) FROM rounds)
ORDER BY number
