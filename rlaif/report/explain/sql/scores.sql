-- All scores of responses to one prompt, with the verdict that each was parsed from.
SELECT scores.verdict, coalesce(criteria.name, criterion) AS criterion,
    value::DOUBLE AS value, expected::DOUBLE AS expected, spread::DOUBLE AS spread, criteria.low, criteria.high,
    rationale, failure
FROM scores
SEMI JOIN (SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL) AS mine ON mine.answer = scores.answer
LEFT JOIN criteria ON criteria.key = scores.criterion
ORDER BY criteria.name, scores.criterion
