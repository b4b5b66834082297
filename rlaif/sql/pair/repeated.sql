-- Whether any candidate has several scores of one criterion.
SELECT 1 AS repeated FROM candidates WHERE repeated LIMIT 1
