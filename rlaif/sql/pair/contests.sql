-- Each answer against each other that a judge compared it with: `halves` is 2 for a comparison won and 1 for a tie.
-- In an order that depends on the keys alone.
WITH votes AS (
    SELECT prompt, first AS answer, second AS other, CASE preferred WHEN 'first' THEN 2 WHEN 'tie' THEN 1 ELSE 0 END AS halves
    FROM comparisons WHERE judge = $judge AND first <> second
    UNION ALL
    SELECT prompt, second, first, CASE preferred WHEN 'second' THEN 2 WHEN 'tie' THEN 1 ELSE 0 END
    FROM comparisons WHERE judge = $judge AND first <> second
)
SELECT prompt, answer, other, sum(halves)::BIGINT AS halves, count(*) AS comparisons FROM votes
GROUP BY prompt, answer, other ORDER BY prompt, answer, other
