-- Dropped rows counted by reason, with the place of the first one.
SELECT what, reason, count(*) AS n, min_by(source, rowid) AS first FROM dropped GROUP BY what, reason ORDER BY what, reason
