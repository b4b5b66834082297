-- Mean score by length for each current judge: its responses in ten groups of equal size by length in characters, with the mean
-- score in hundredths of the scales, and the correlation of length and score over all its responses (Pearson).
WITH points AS (
    SELECT scores.answer, scores.judge, avg(100 * (score - low) / (high - low))::DOUBLE AS points
    FROM latest_scores AS scores
    JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria ON criteria.key = scores.criterion
    SEMI JOIN current_criteria ON current_criteria.judge = scores.judge AND current_criteria.criterion = scores.criterion
    SEMI JOIN current_judges ON current_judges.key = scores.judge
    WHERE score IS NOT NULL
    GROUP BY scores.answer, scores.judge
),
sized AS (
    SELECT judge, points, length(text) AS characters, ntile(10) OVER (PARTITION BY judge ORDER BY length(text), points.answer) AS tenth,
        corr(points, length(text)) OVER (PARTITION BY judge) AS correlation
    FROM points JOIN (SELECT answer, min(text) AS text FROM responses WHERE failure IS NULL GROUP BY answer) AS said USING (answer)
)
SELECT coalesce(names.name, judge) AS judge, avg(characters) AS length, avg(points) AS percent, count(*) AS n,
    if(isfinite(any_value(correlation)), any_value(correlation), NULL) AS correlation
FROM sized LEFT JOIN (SELECT key, max(name) AS name, min(rowid) AS place FROM judges GROUP BY key) AS names ON names.key = judge
GROUP BY names.name, judge, tenth
ORDER BY min(place), judge, tenth
