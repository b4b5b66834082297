-- All verdicts on responses to one prompt, by judge.
SELECT verdicts.key, verdicts.answer, judge, repeat, attempt, raw, reasoning, failure, detail
FROM verdicts
SEMI JOIN (SELECT answer FROM responses WHERE prompt = $prompt AND failure IS NULL) AS mine ON mine.answer = verdicts.answer
ORDER BY judge, repeat, attempt, verdicts.rowid
