-- Marks the answers that were filtered, for themselves or with their whole prompt: candidates are the others.
UPDATE answers SET filtered = found.reason
FROM (SELECT response, min(reason) AS reason FROM filtered WHERE response IS NOT NULL GROUP BY response) AS found
WHERE found.response = answers.response AND answers.filtered IS NULL;

UPDATE answers SET filtered = found.reason
FROM (SELECT prompt, min(reason) AS reason FROM filtered WHERE response IS NULL GROUP BY prompt) AS found
WHERE found.prompt = answers.prompt
