-- What the judge said of each pair when it compared the two, in whatever order; a tie is a vote for each.
INSERT INTO opinions BY NAME
WITH votes AS (
    SELECT first AS one, second AS other, preferred <> 'second' AS won, preferred <> 'first' AS lost
    FROM comparisons WHERE judge = $judge AND preferred IS NOT NULL
    UNION ALL
    SELECT second, first, preferred <> 'first', preferred <> 'second'
    FROM comparisons WHERE judge = $judge AND preferred IS NOT NULL
)
SELECT chosen, rejected, count(*) FILTER (votes.won) AS won, count(*) FILTER (votes.lost) AS lost
FROM rivals JOIN votes USING (one, other)
GROUP BY chosen, rejected
