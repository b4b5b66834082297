-- What the oracle makes of the answers of $generator to held-out prompts: means in hundredths of its scale, their words,
-- and of all answers the share that are left when equal answers to one prompt count once.
WITH marked AS (
    SELECT prompt, response, any_value(text) AS text, any_value(words) AS words,
        any_value(percent) FILTER (criterion = 'faithfulness') AS faithfulness,
        any_value(percent) FILTER (criterion = 'completeness') AS completeness,
        any_value(percent) FILTER (criterion = 'helpfulness') AS helpfulness
    FROM responses_scored
    WHERE judge = 'oracle' AND response IN (SELECT key FROM responses WHERE generator = $generator)
    GROUP BY prompt, response
)
SELECT avg(faithfulness) AS faithfulness, avg(completeness) AS completeness, avg(helpfulness) AS helpfulness,
    avg(words) AS words, count(DISTINCT (prompt, text)) / count(*) AS different, count(*) AS answers
FROM marked
