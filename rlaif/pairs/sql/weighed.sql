-- The pairing's criteria with its judge beside each: what the views below weigh by. `share` is the part of the whole
-- scale that one step of the criterion is; `bit` is its own in a set of criteria, and `nth` its own among those with
-- weight, by name.
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
