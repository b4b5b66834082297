-- Pairings that include one prompt, newest first; `judges` are in the pairing's order.
SELECT pairings.key, strftime(created, '%Y-%m-%d %H:%M:%S') AS created, coalesce(spec ->> '$.strategy', '') AS strategy,
    coalesce(judges, []) AS judges, mix
FROM pairings
LEFT JOIN (
    SELECT pairing, list(judge ORDER BY place) AS judges, any_value(mix) AS mix FROM pairing_judges GROUP BY pairing
) AS theirs ON theirs.pairing = pairings.key
SEMI JOIN (SELECT pairing FROM reasons WHERE prompt = $prompt) AS mine ON mine.pairing = pairings.key
ORDER BY pairings.number DESC NULLS LAST, pairings.rowid DESC
