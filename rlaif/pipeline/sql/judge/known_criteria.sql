-- The keys of all criteria that were written down.
SELECT key FROM criteria
