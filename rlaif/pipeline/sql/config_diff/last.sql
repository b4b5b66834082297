-- The configuration of the last run of this store.
SELECT config FROM runs ORDER BY rowid DESC LIMIT 1
