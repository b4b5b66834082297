-- The first chosen responses of an export with at least $least letters, and at most 2,000 characters of each, to identify
-- their language.
SELECT left(chosen, 2000) AS text FROM pair_texts
WHERE length(regexp_replace(left(chosen, 2000), '\P{L}', '', 'g')) >= $least
ORDER BY split DESC, place LIMIT $limit
