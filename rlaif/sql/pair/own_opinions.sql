-- What the judge said of each pair when it compared the two, in whatever order; a tie is a vote for each.
INSERT INTO opinions
WITH votes AS (
    SELECT first AS answer, second AS other, preferred <> 'second' AS won, preferred <> 'first' AS lost
    FROM comparisons WHERE judge = $judge
    UNION ALL
    SELECT second, first, preferred <> 'first', preferred <> 'second' FROM comparisons WHERE judge = $judge
)
SELECT made.chosen, made.rejected, count(*) FILTER (won), count(*) FILTER (lost)
FROM made
JOIN candidates AS chosen ON chosen.response = made.chosen
JOIN candidates AS rejected ON rejected.response = made.rejected
JOIN votes ON votes.answer = chosen.answer AND votes.other = rejected.answer
GROUP BY made.chosen, made.rejected
