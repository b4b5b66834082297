-- What a judge wrote down about a prompt for a criterion: the first that it could, else its last failure; and how often
-- that was attempted. Failures from before it was owed again on demand do not count.
SELECT texts, failure, detail, count(*) OVER () - coalesce(
    (SELECT max(attempts) FROM retries WHERE unit = concat_ws('/', $prompt, $judge, $criterion)), 0
) AS attempts
FROM notes
WHERE prompt = $prompt AND judge = $judge AND criterion = $criterion
QUALIFY failure IS NULL OR attempts > 0
ORDER BY failure IS NOT NULL, if(failure IS NULL, rowid, NULL), rowid DESC
LIMIT 1
