-- Every comparison of answers to one prompt.
SELECT coalesce(names.name, judge) AS judge, coalesce(criteria.name, criterion) AS criterion, first, second, preferred
FROM comparisons
LEFT JOIN (SELECT key, min(name) AS name FROM judges GROUP BY key) AS names ON names.key = comparisons.judge
LEFT JOIN criteria ON criteria.key = comparisons.criterion
WHERE prompt = $prompt
ORDER BY ALL
