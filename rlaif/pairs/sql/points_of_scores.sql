-- The points of each answer: the exact sum of factor * (score - low) over the pairing's criteria; with the criteria it has
-- (`bits`); whether it is below a floor; and whether it has several scores by a criterion, so that means have to be taken
-- first. There are no other columns, because with millions of answers every column is expensive; for the same reason, an
-- answer is identified by two hashes of 64 bits, one of its key and one of its first fifteen digits, which take a third of the
-- memory of the key.
CREATE OR REPLACE TEMP VIEW answer_points AS
SELECT hash(answer) AS digest, hash(substr(answer, 1, 15)) AS prefix,
    sum(factor * (score - low)) AS points, bit_or(bit) AS bits, bool_or(score < floor) AS below_floor,
    count(*) > bit_count(bit_or(bit)) AS repeated
FROM scored
GROUP BY digest, prefix
