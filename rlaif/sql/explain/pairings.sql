-- The pairings that know one prompt, the newest first.
SELECT pairing AS key, strftime(created, '%Y-%m-%d %H:%M:%S') AS created,
    coalesce(strategy, '') AS strategy, coalesce(judge, '') AS judge
FROM pairings_readable AS pairings
SEMI JOIN (SELECT pairing FROM outcomes WHERE prompt = $prompt) AS mine ON mine.pairing = pairings.pairing
ORDER BY pairings.created DESC, key
