-- Replies of models in the last five minutes before $now, by kind, the seconds since the first one of these, and how many seconds
-- ago the last one was stored.
SELECT kind, count(*) FILTER (created > $now - INTERVAL 5 MINUTE) AS recent,
    date_diff('second', min(created) FILTER (created > $now - INTERVAL 5 MINUTE), $now) AS span,
    date_diff('second', max(created), $now) AS ago
FROM (
    SELECT 'responses' AS kind, created FROM responses
    UNION ALL SELECT 'judgements', created FROM verdicts
)
WHERE created IS NOT NULL
GROUP BY kind
ORDER BY kind DESC
