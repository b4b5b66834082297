-- The rounds of the chain that was worked on last, in order; none where the pipeline has no rounds.
SELECT number, pairs, fresh, margin, shared, judge, before, after, stopped
FROM rounds
WHERE chain = (SELECT arg_max(chain, rowid) FROM rounds)
ORDER BY number
