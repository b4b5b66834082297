-- Effects of attacks on a voice's points, one row per attack and attacked response: `change` in hundredths, null if the
-- attacked text has no points. A voice that compares compares the attacked response with its original: wins minus losses.
WITH parts AS (FROM audit_parts WHERE voice = $voice),
attacked AS (SELECT DISTINCT judge, original, answer FROM attacks WHERE judge = $judge),
changes AS (
    SELECT attacked.original, attacked.answer, criterion, (new.score - old.score)::DOUBLE / (high - low) AS change
    FROM attacked JOIN parts USING (judge)
    JOIN latest_scores AS old USING (judge, criterion) JOIN latest_scores AS new USING (judge, criterion)
    WHERE old.answer = attacked.original AND new.answer = attacked.answer
    UNION ALL
    SELECT original, answer, criterion, avg(2 * won - 1)::DOUBLE
    FROM attacked JOIN parts USING (judge) JOIN audit_bouts AS bouts USING (judge, criterion, answer)
    WHERE bouts.other = original
    GROUP BY original, answer, criterion
)
SELECT attacks.attack, if(count(changes.change) = count(*),
    (100 * sum(weight * changes.change) / sum(weight))::DECIMAL(9, 6), NULL) AS change
FROM attacks JOIN parts USING (judge)
JOIN audit_points AS points ON points.voice = $voice AND points.answer = attacks.original
LEFT JOIN changes ON changes.original = attacks.original AND changes.answer = attacks.answer
    AND changes.criterion = parts.criterion
GROUP BY attacks.attack, attacks.original, attacks.answer
ORDER BY attacks.attack, attacks.original
