-- Claims, key points and checklist items that judges checked in the responses to one prompt, by verdict.
SELECT verdict, coalesce(criteria.name, criterion) AS criterion, text, outcome, rationale
FROM findings
SEMI JOIN (SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL) AS mine ON mine.answer = findings.answer
LEFT JOIN (SELECT key, min(name) AS name FROM criteria GROUP BY key) AS criteria ON criteria.key = findings.criterion
ORDER BY verdict, position
