-- What each answer's scores come to: exact points, the sum of factor * (score - low) over the pairing's criteria; which
-- criteria it has (`bits`); whether it is below a floor; and whether a criterion is there twice, so that means have to be
-- taken first. Nothing more: of millions of answers, every column costs.
CREATE OR REPLACE TEMP VIEW answer_points AS
SELECT answer, sum(factor * (score - low)) AS points, bit_or(bit) AS bits, bool_or(score < floor) AS below_floor,
    count(*) > bit_count(bit_or(bit)) AS repeated, NULL::DECIMAL(18, 6)[] AS scores
FROM scored
GROUP BY answer
