-- Adds the staged responses in a range of positions.
INSERT INTO responses BY NAME
SELECT staged.key, prompt, generator, answer, text, reasoning, 'stop' AS finish, 0 AS attempt, coalesce(came.created, $now::TIMESTAMP) AS created,
    if(came.key IS NULL, (SELECT number FROM newest_pairing), nullif(came.kept_after, 0)) AS kept_after, sample
FROM staged_responses AS staged
JOIN numbered_responses AS numbered ON numbered.position = staged.position
LEFT JOIN came ON came.key = staged.key
WHERE staged.position >= $first AND staged.position < $last
ORDER BY staged.position;
