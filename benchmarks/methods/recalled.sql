-- The share in hundredths of $generator's answers that name both values.
SELECT avg(percent) AS recall FROM responses_scored WHERE response IN (SELECT key FROM responses WHERE generator = $generator)
