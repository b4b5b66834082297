-- All comparisons of responses to one prompt, with the judge's reply if a model made the comparison.
SELECT comparisons.judge, coalesce(criteria.name, criterion) AS criterion, first, second,
    preferred, probability::DOUBLE AS probability, rationale, comparisons.failure, raw, detail
FROM comparisons
LEFT JOIN verdicts ON verdicts.key = comparisons.verdict
LEFT JOIN (SELECT key, max(name) AS name FROM criteria GROUP BY key) AS criteria ON criteria.key = comparisons.criterion
WHERE prompt = $prompt
ORDER BY ALL
