-- The training that was finished last.
SELECT key, path FROM trainings ORDER BY created DESC LIMIT 1
