-- Whether any answer has several scores of one criterion.
SELECT 1 AS repeated FROM answers WHERE repeated LIMIT 1
