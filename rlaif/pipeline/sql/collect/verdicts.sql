-- The staged verdicts on answers to kept prompts. Several verdicts of one judge on one answer are repeats.
INSERT INTO verdicts BY NAME
SELECT md5(concat_ws('/', judge, answer, repeat)) AS key, answer, judge, repeat, 0 AS attempt, raw, $now::TIMESTAMP AS created
FROM (
    SELECT *, row_number() OVER (PARTITION BY judge, answer ORDER BY staged.position) - 1 AS repeat
    FROM staged_verdicts AS staged
    SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
)
ORDER BY position
