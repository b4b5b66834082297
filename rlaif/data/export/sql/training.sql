-- One training: its base's name, the pairing of its rows, and what it did as JSON in `spec`.
SELECT base, pairing, spec FROM trainings WHERE key = $key LIMIT 1
