-- The judges that have scored or compared, current versions first: numbers of scores, comparisons and failures, and the mean score
-- in hundredths of the scales. `labels` is true for the judges of the newest pairing.
WITH scored AS (
    SELECT judge, count(score) AS scores, count(failure) AS failures,
        avg(100 * (score - low) / (high - low))::DOUBLE AS mean
    FROM latest_scores AS scores JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria
        ON criteria.key = scores.criterion
    GROUP BY judge
),
compared AS (
    SELECT judge, count(preferred) AS comparisons, count(failure) AS failures FROM comparisons GROUP BY judge
)
SELECT judges.key, judges.name, judges.key IN (SELECT key FROM current_judges) AS current,
    judges.key IN (SELECT judge FROM pairing_judges WHERE pairing = (SELECT key FROM newest_pairing)) AS labels,
    coalesce(scores, 0) AS scores, coalesce(comparisons, 0) AS comparisons,
    coalesce(scored.failures, 0) + coalesce(compared.failures, 0) AS failures, mean
FROM (SELECT key, max(name) AS name, max(rowid) AS place FROM judges GROUP BY key) AS judges
LEFT JOIN scored ON scored.judge = judges.key
LEFT JOIN compared ON compared.judge = judges.key
WHERE scored.judge IS NOT NULL OR compared.judge IS NOT NULL
ORDER BY labels DESC, current DESC, place
