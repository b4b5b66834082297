-- The pairings that know one prompt, the newest first.
SELECT pairings.key, strftime(created, '%Y-%m-%d %H:%M:%S') AS created,
    coalesce(json_extract_string(pairings.spec, '$.strategy'), '') AS strategy,
    coalesce(names.name, json_extract_string(pairings.spec, '$.judge'), '') AS judge
FROM pairings
SEMI JOIN (SELECT pairing FROM outcomes WHERE prompt = $prompt) AS mine ON mine.pairing = pairings.key
LEFT JOIN (SELECT key, min(name) AS name FROM judges GROUP BY key) AS names ON names.key = json_extract_string(pairings.spec, '$.judge')
ORDER BY pairings.created DESC, pairings.key
