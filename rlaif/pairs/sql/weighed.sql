-- The pairing's criteria, with its judge: the weights for the views below. `share` is the part of the whole scale that one
-- step of the criterion is; `bit` identifies the criterion in a set of criteria, and `nth` is its position by name among
-- those with weight.
CREATE OR REPLACE TEMP TABLE weighed AS
SELECT $judge AS judge, pairing_criteria.criterion, pairing_criteria.name, kinds.kind, weight, factor, low, floor, kinds.high,
    CASE WHEN $denominator > 0 THEN CAST(factor::DOUBLE / $denominator AS DECIMAL(18, 9)) END AS share,
    (1::UBIGINT << (row_number() OVER (ORDER BY pairing_criteria.criterion) - 1))::UBIGINT AS bit,
    (row_number() OVER (ORDER BY weight > 0 DESC, pairing_criteria.name))::UTINYINT AS nth,
    kinds.kind IS NOT DISTINCT FROM 'check' AS exact
FROM pairing_criteria
LEFT JOIN (SELECT key, max(kind) AS kind, max(high) AS high FROM criteria GROUP BY key) AS kinds
    ON kinds.key = pairing_criteria.criterion
WHERE pairing = $pairing
