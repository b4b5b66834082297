-- What was dropped from the sources, counted by reason.
SELECT what, reason, count(*) AS n FROM dropped GROUP BY what, reason ORDER BY what, reason
