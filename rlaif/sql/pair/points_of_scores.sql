-- What each answer's scores come to: exact points, the sum of factor * (score - low) over the pairing's criteria; which
-- criteria it has (`bits`), and by which of them a spread is told; their variance as a share of the scale, squared;
-- whether it is below a floor, and whether a criterion is there twice, so that means have to be taken first.
CREATE OR REPLACE TEMP VIEW pointed AS
SELECT answer, sum(factor * (score - low)) AS points, bit_or(bit) AS bits,
    bit_or(if(spread IS NULL, 0, bit)) AS told, sum(CAST(share * spread AS DECIMAL(18, 9)) * CAST(share * spread AS DECIMAL(18, 9))) AS variance,
    bool_or(score < floor) AS below_floor, count(*) > bit_count(bit_or(bit)) AS repeated
FROM scored JOIN weighed ON weighed.criterion = scored.criterion
GROUP BY answer
