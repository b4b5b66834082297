-- What a judge wrote down about a prompt for a criterion, where it could.
SELECT texts FROM notes
WHERE prompt = $prompt AND judge = $judge AND criterion = $criterion AND failure IS NULL
ORDER BY created
LIMIT 1
