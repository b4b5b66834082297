-- A judge's note on a prompt for a criterion: the first successful one, otherwise the last failure; with the number of
-- attempts. Failures from before a `rlaif retry` do not count.
SELECT texts, failure, detail, count(*) OVER () - coalesce(
    (SELECT attempts FROM forgiven_attempts WHERE unit = concat_ws('/', $prompt, $judge, $criterion)), 0
) AS attempts
FROM notes
WHERE prompt = $prompt AND judge = $judge AND criterion = $criterion
QUALIFY failure IS NULL OR attempts > 0
ORDER BY failure IS NOT NULL, if(failure IS NULL, rowid, NULL), rowid DESC
LIMIT 1
