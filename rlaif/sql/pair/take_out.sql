-- Marks the answers that were filtered, for themselves or with their whole prompt: candidates are the others.
UPDATE answers SET filtered = found.reason
FROM (SELECT answer, min(reason) AS reason FROM filtered WHERE answer IS NOT NULL GROUP BY answer) AS found
WHERE found.answer = answers.answer AND answers.filtered IS NULL;

UPDATE answers SET filtered = found.reason
FROM (SELECT prompt, min(reason) AS reason FROM filtered WHERE answer IS NULL GROUP BY prompt) AS found
WHERE found.prompt = answers.prompt
