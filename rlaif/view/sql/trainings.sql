-- The trainings, newest first, with the strategy and the number of pairs of their pairing.
SELECT trainings.key, trainings.pairing, method, base, path, trainings.spec, trainings.created,
    pairings.spec ->> '$.strategy' AS strategy, made.pairs
FROM trainings
LEFT JOIN pairings ON pairings.key = trainings.pairing
LEFT JOIN (SELECT pairing, count(*) AS pairs FROM pairs GROUP BY pairing) AS made ON made.pairing = trainings.pairing
ORDER BY trainings.rowid DESC
