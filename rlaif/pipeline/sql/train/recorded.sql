-- One row if the training is already in the store.
SELECT key FROM trainings WHERE key = $key LIMIT 1
