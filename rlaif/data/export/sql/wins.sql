-- Number of pairs by the generators of both sides, if they differ, the most frequent first.
SELECT chosen_generator AS chosen, rejected_generator AS rejected, count(*) AS pairs
FROM pair_texts WHERE chosen_generator <> rejected_generator
GROUP BY ALL ORDER BY pairs DESC, chosen, rejected LIMIT 6
