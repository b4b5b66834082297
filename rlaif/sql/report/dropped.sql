-- Rows of the sources that became no response, score or preference, by reason.
SELECT what, reason, count(*) AS n FROM dropped WHERE what <> 'prompt' GROUP BY what, reason ORDER BY what, n DESC, reason
