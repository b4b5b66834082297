-- The staged responses to kept prompts: each distinct answer of a generator once, numbered in the order of arrival.
INSERT INTO responses BY NAME
WITH firsts AS (
    SELECT staged.key, min(staged.position) AS position
    FROM staged_responses AS staged
    SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
    GROUP BY staged.key
)
SELECT staged.key, prompt, generator, answer, text, reasoning, 'stop' AS finish, 0 AS attempt, coalesce(came.created, $now::TIMESTAMP) AS created,
    if(came.key IS NULL, (SELECT number FROM newest_pairing), nullif(came.kept_after, 0)) AS kept_after,
    row_number() OVER (PARTITION BY prompt, generator ORDER BY staged.position) - 1 AS sample
FROM staged_responses AS staged
SEMI JOIN firsts ON firsts.position = staged.position
LEFT JOIN came ON came.key = staged.key
ORDER BY staged.position
