-- Failures in the last five minutes before $now by kind, most frequent first, each with the detail of the last one.
SELECT what, failure AS kind, count(*) AS n, arg_max(detail, created) AS detail
FROM (
    SELECT 'response' AS what, failure, detail, created FROM responses
    UNION ALL SELECT 'judgement', failure, detail, created FROM verdicts
)
WHERE failure IS NOT NULL AND created > $now - INTERVAL 5 MINUTE
GROUP BY what, failure
ORDER BY n DESC, what, failure
