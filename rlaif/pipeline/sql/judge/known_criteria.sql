-- The keys of all registered criteria.
SELECT key FROM criteria
