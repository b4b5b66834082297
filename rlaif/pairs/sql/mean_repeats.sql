-- The same if the judge repeated its scores: the mean over repeats and its standard error, from the spread of each repeat if
-- they have one, otherwise from the differences between repeats (null if they are equal, which is no evidence of precision).
-- All sums are exact.
CREATE OR REPLACE TEMP VIEW averaged AS
WITH repeats AS (
    SELECT answer, criterion, count(*) AS n,
        sum(score)::DECIMAL(18, 6) AS total, sum(score * score) AS squares,
        count(spread) AS with_spread, sum(spread * spread) AS variances
    FROM effective_scores AS scores SEMI JOIN weighed ON weighed.criterion = scores.criterion AND weighed.judge = scores.judge
    GROUP BY answer, criterion
)
SELECT answer, weighed.*, CAST(total / n AS DECIMAL(18, 6)) AS score,
    CAST(CASE WHEN exact THEN 0 WHEN with_spread = n THEN sqrt(variances) / n
        WHEN n > 1 AND n * squares > total * total THEN sqrt((n * squares - total * total) / (n * n * (n - 1))) END
        AS DECIMAL(18, 6)) AS spread
FROM repeats JOIN weighed ON weighed.criterion = repeats.criterion
