-- The scores of the answers $answers, one row per answer, judge and criterion; the judges of the pairing come first. `weight` is
-- that of the criterion in the pairing $pairing, by its key or else by its name; null if the pairing does not use it.
WITH weights AS (
    SELECT criterion, name, max(weight) AS weight FROM pairing_criteria WHERE pairing = $pairing GROUP BY criterion, name
)
SELECT scores.answer, scores.judge, criteria.name AS criterion, criteria.low, criteria.high, scores.score::DOUBLE AS score,
    scores.spread::DOUBLE AS spread, scores.repeats, scores.failure, scores.rationale,
    coalesce(same.weight, named.weight) AS weight,
    scores.criterion IN (SELECT criterion FROM current_criteria) AS current
FROM latest_scores AS scores
JOIN (
    SELECT key, max(name) AS name, max(low) AS low, max(high) AS high, max(rowid) AS place FROM criteria GROUP BY key
) AS criteria ON criteria.key = scores.criterion
LEFT JOIN weights AS same ON same.criterion = scores.criterion
LEFT JOIN (SELECT name, max(weight) AS weight FROM weights GROUP BY name) AS named ON named.name = criteria.name
-- Unlike IN, DuckDB applies this before it groups the scores.
WHERE list_contains($answers::VARCHAR[], scores.answer)
ORDER BY scores.judge IN (SELECT judge FROM pairing_judges WHERE pairing = $pairing) DESC, scores.judge, criteria.place
