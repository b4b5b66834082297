-- The pairings, newest first, with their judges and number of pairs.
SELECT pairings.key, created, coalesce(spec ->> '$.strategy', '') AS strategy, coalesce(judges.named, 'no judge') AS judge,
    coalesce(made.pairs, 0) AS pairs
FROM pairings
LEFT JOIN (
    SELECT pairing, string_agg(name, ', ' ORDER BY place) || coalesce(' (' || any_value(mix) || ')', '') AS named
    FROM pairing_judges GROUP BY pairing
) AS judges ON judges.pairing = pairings.key
LEFT JOIN (SELECT pairing, count(*) AS pairs FROM pairs GROUP BY pairing) AS made ON made.pairing = pairings.key
ORDER BY number DESC NULLS LAST, pairings.rowid DESC
