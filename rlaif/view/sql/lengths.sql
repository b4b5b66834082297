-- Mean score by length for each current judge: its responses in ten groups of equal size by length in characters, with the mean
-- score in hundredths of the scales, and the correlation of length and score over all its responses (Pearson).
WITH sized AS (
    SELECT judge, points, characters, ntile(10) OVER (PARTITION BY judge ORDER BY characters, judge_points.answer) AS tenth,
        corr(points, characters) OVER (PARTITION BY judge) AS correlation
    FROM judge_points
    JOIN (SELECT answer, min(length(text)) AS characters FROM responses WHERE failure IS NULL GROUP BY answer) AS texts USING (answer)
)
SELECT coalesce(names.name, judge) AS judge, avg(characters) AS length, avg(points) AS percent, count(*) AS n,
    if(isfinite(any_value(correlation)), any_value(correlation), NULL) AS correlation
FROM sized LEFT JOIN (SELECT key, max(name) AS name, min(rowid) AS place FROM judges GROUP BY key) AS names ON names.key = judge
GROUP BY names.name, judge, tenth
ORDER BY min(place), judge, tenth
