-- Whether a judge has votes that came with the data or from a person: comparisons of two answers without a criterion and
-- scale.
SELECT 1 AS compared FROM comparisons WHERE judge = $judge AND verdict IS NULL LIMIT 1
