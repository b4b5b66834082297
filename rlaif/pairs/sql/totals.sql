-- `totals`: the points of each response by each judge, for responses that all judges have scored. `majority_points`: the
-- share of the prompt's other responses that the judges' votes put below a response (ties count half), as points. Two
-- responses tie if as many judges prefer the one as the other, or if more judges find them equal than prefer the winner.
CREATE OR REPLACE TEMP TABLE totals AS
SELECT prompt, answer, place, sum(factor * (score - low))::DECIMAL(38, 9) AS total
FROM whole JOIN weighed ON weighed.criterion = whole.criterion
WHERE weight > 0 AND answer IN (
    SELECT answer FROM whole SEMI JOIN (FROM weighed WHERE weight > 0) AS wanted ON wanted.criterion = whole.criterion
    GROUP BY answer HAVING count(DISTINCT criterion) = (SELECT count(*) FROM weighed WHERE weight > 0)
)
GROUP BY prompt, answer, place;

CREATE OR REPLACE TEMP TABLE majority_points AS
WITH votes AS (
    SELECT one.answer, other.answer AS rival, count(*) FILTER (one.total = other.total) AS ties,
        sum(sign(one.total - other.total)) AS votes, (count(*) - ties + abs(votes)) / 2 AS preferred
    FROM totals AS one
    JOIN totals AS other ON other.prompt = one.prompt AND other.place = one.place AND other.answer <> one.answer
    GROUP BY one.answer, other.answer
)
SELECT answer, CAST($denominator * (1 + avg(if(preferred >= ties, sign(votes), 0))) / 2 AS DECIMAL(38, 6)) AS points FROM votes GROUP BY answer
