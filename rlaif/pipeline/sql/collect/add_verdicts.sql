-- Adds the staged verdicts in a range of positions.
INSERT INTO verdicts BY NAME
SELECT md5(concat_ws('/', judge, answer, repeat)) AS key, answer, judge, repeat, 0 AS attempt, raw, $now::TIMESTAMP AS created
FROM staged_verdicts AS staged
JOIN numbered_verdicts AS numbered ON numbered.position = staged.position
WHERE staged.position >= $first AND staged.position < $last
ORDER BY staged.position;
