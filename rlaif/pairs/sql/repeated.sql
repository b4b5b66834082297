-- Whether any answer has several scores by one criterion.
SELECT 1 AS repeated FROM answers WHERE repeated LIMIT 1
