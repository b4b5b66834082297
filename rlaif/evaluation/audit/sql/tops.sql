-- Ties for a voice's best response, for each repeat (numbered from 1) and for the mean of all (`repeat` null): one row per
-- repeat and block of prompts; `tied` of its `prompts` have two or more best responses. A voice without repeats has only the
-- mean.
WITH single AS (
    SELECT prompt, answer, repeat + 1 AS repeat,
        (sum(weight * 100 * (if(uneven.answer IS NULL, coalesce(expected, value), value)::DOUBLE - low) / (high - low))
            / sum(weight))::DECIMAL(9, 6) AS points
    FROM scores JOIN audit_parts USING (judge, criterion) JOIN audit_answers USING (answer)
    LEFT JOIN uneven_scores AS uneven USING (judge, criterion, answer)
    WHERE voice = $voice AND value IS NOT NULL
    GROUP BY prompt, answer, repeat
    HAVING count(*) = (SELECT count(*) FROM audit_parts WHERE voice = $voice)
),
each AS (
    FROM single WHERE (SELECT max(repeat) FROM single) > 1
    UNION ALL SELECT prompt, answer, NULL, points FROM audit_points WHERE voice = $voice
),
topped AS (SELECT *, max(points) OVER (PARTITION BY prompt, repeat) AS top FROM each),
tops AS (
    SELECT prompt, repeat, count(*) FILTER (points = top) > 1 AS tied
    FROM topped GROUP BY prompt, repeat HAVING count(*) > 1
)
SELECT repeat, count(*) FILTER (tied) AS tied, count(*) AS prompts
FROM tops JOIN audit_blocks USING (prompt)
GROUP BY repeat, block
ORDER BY repeat NULLS LAST, block
