-- The points of each answer: the exact sum of factor * (score - low) over the pairing's criteria; with the criteria it has
-- (`bits`); whether it is below a floor; and whether it has several scores by a criterion, so that means have to be taken
-- first. There are no other columns, because with millions of answers every column is expensive.
CREATE OR REPLACE TEMP VIEW answer_points AS
SELECT answer, sum(factor * (score - low)) AS points, bit_or(bit) AS bits, bool_or(score < floor) AS below_floor,
    count(*) > bit_count(bit_or(bit)) AS repeated
FROM scored
GROUP BY answer
