-- All generators, judges and criteria that were used in this store.
SELECT 'generator' AS what, key, name FROM generators
UNION SELECT 'judge', key, name FROM judges
UNION SELECT 'criterion', key, name FROM criteria
