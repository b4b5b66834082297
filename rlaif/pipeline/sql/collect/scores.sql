-- The scores of the staged verdicts.
INSERT INTO scores BY NAME
WITH numbered AS (
    SELECT staged.position, judge, answer,
        row_number() OVER (PARTITION BY judge, answer ORDER BY staged.position) - 1 AS repeat
    FROM staged_verdicts AS staged
    SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
)
SELECT md5(concat_ws('/', judge, answer, repeat)) AS verdict, answer, judge, criterion, repeat, 0 AS attempt,
    value::DECIMAL(18, 6) AS value, failure
FROM staged_scores AS staged
JOIN numbered ON numbered.position = staged.verdict
ORDER BY staged.position
