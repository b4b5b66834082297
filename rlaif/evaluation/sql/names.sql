-- Names of the generators and judges with these keys; the newest name if there are several.
SELECT key, arg_max(name, place) AS name FROM (
    SELECT key, name, rowid AS place FROM generators UNION ALL SELECT key, name, rowid FROM judges
)
WHERE key IN (SELECT unnest($keys::VARCHAR[]))
GROUP BY key
