-- What a judge wrote down about a prompt for a criterion: the first that it could, else its last failure; and how often
-- that was attempted.
SELECT texts, failure, detail, count(*) OVER () AS attempts FROM notes
WHERE prompt = $prompt AND judge = $judge AND criterion = $criterion
ORDER BY failure IS NOT NULL, if(failure IS NULL, created, NULL), created DESC
LIMIT 1
