-- The votes of the judge's comparisons on each pair, if the judge only compares; a tie is a vote for each.
INSERT INTO opinions BY NAME
WITH mine AS (
    FROM bouts WHERE judge = $judge AND ($compared OR criterion IN (SELECT criterion FROM weighed WHERE weight > 0))
        AND NOT EXISTS (FROM weighed WHERE weight > 0 AND kind IS DISTINCT FROM 'compare')
),
votes AS (
    SELECT one, other, comparisons, "for" AS won, against AS lost, sure FROM mine
    UNION ALL SELECT other, one, comparisons, against, "for", 1 - sure FROM mine
)
SELECT chosen, rejected, sum(votes.won) AS won, sum(votes.lost) AS lost, sum(votes.won + votes.lost - comparisons) AS even,
    if(count(votes.sure) = count(*), sum(votes.sure * comparisons) / sum(comparisons), NULL) AS sure
FROM pair_answers JOIN votes USING (one, other)
GROUP BY chosen, rejected
