-- Failures and dropped rows, counted by kind.
SELECT 'response' AS what, failure AS kind, count(*) AS rows FROM responses WHERE failure IS NOT NULL GROUP BY failure
UNION ALL
SELECT 'judgement', failure, count(*) FROM verdicts WHERE failure IS NOT NULL GROUP BY failure
UNION ALL
SELECT what, reason, count(*) FROM dropped GROUP BY what, reason
ORDER BY what, kind
