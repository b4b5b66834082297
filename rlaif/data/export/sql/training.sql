-- One training: its base's name, the pairing of its rows, and its specification as JSON.
SELECT base, pairing, spec FROM trainings WHERE key = $key LIMIT 1
