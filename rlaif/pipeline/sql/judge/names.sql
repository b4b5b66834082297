-- Every judge the store knows, the newest of a name last.
SELECT name, key FROM judges ORDER BY rowid
