-- Every verdict on an answer to one prompt, by judge.
SELECT verdicts.key, verdicts.answer, coalesce(names.name, judge) AS judge, repeat, attempt, raw, failure, detail
FROM verdicts
SEMI JOIN (SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL) AS mine ON mine.answer = verdicts.answer
LEFT JOIN (SELECT key, min(name) AS name FROM judges GROUP BY key) AS names ON names.key = verdicts.judge
ORDER BY names.name, verdicts.judge, repeat, attempt, created
