-- One prompt as each generator was shown it.
SELECT coalesce(names.name, asks.generator) AS generator, asks.messages
FROM asks
LEFT JOIN (SELECT key, min(name) AS name FROM generators GROUP BY key) AS names ON names.key = asks.generator
WHERE asks.prompt = $prompt
ORDER BY generator
