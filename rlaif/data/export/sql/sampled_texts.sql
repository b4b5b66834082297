-- Chosen responses among the first $limit pairs of each split with at least $least letters, at most 2,000 characters of each,
-- to identify their language.
SELECT left(chosen, 2000) AS text FROM pair_texts
WHERE place < $limit AND length(regexp_replace(left(chosen, 2000), '\P{L}', '', 'g')) >= $least
ORDER BY split DESC, place
