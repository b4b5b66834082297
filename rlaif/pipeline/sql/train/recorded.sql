-- One row if the training is in the store already.
SELECT key FROM trainings WHERE key = $key LIMIT 1
