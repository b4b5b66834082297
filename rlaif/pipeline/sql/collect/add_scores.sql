-- Adds the staged scores in a range of positions.
INSERT INTO scores BY NAME
WITH given AS (
    FROM staged_scores AS staged WHERE staged.position >= $first AND staged.position < $last
),
bounds AS (
    SELECT min(verdict) AS low, max(verdict) AS high FROM given
)
SELECT md5(concat_ws('/', judge, answer, repeat)) AS verdict, answer, judge, criterion, repeat, 0 AS attempt,
    value::DECIMAL(18, 6) AS value, failure
FROM given
JOIN numbered_verdicts AS numbered ON numbered.position = given.verdict
JOIN staged_verdicts AS verdicts ON verdicts.position = given.verdict
WHERE verdicts.position >= (SELECT low FROM bounds) AND verdicts.position <= (SELECT high FROM bounds)
ORDER BY given.position;
