-- Whether a judge's word is votes that came with the data or from a person, two answers at a time, by no criterion with a scale.
SELECT 1 AS compared FROM comparisons WHERE judge = $judge AND verdict IS NULL LIMIT 1
