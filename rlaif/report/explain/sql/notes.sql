-- Judges' notes (key points, checklist items) on one prompt, one row per attempt.
SELECT judge, coalesce(criteria.name, criterion) AS criterion, texts, failure, detail
FROM notes
LEFT JOIN (SELECT key, min(name) AS name FROM criteria GROUP BY key) AS criteria ON criteria.key = notes.criterion
WHERE prompt = $prompt
ORDER BY judge, criteria.name, criterion, notes.rowid
