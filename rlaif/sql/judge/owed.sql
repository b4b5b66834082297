-- The calls that a judge still owes, grouped by prompt and answer so that servers can reuse what the prompts share. A
-- call is owed if one of its criteria has no score for the answer, or only failures that may pass, tried fewer than
-- $attempts times. $calls is a list of {call, criteria}; $generators says whose responses are judged.
WITH calls AS (
    SELECT unnest($calls::STRUCT(call INTEGER, criteria VARCHAR[])[], recursive := true)
),
answers AS (
    SELECT responses.answer, any_value(responses.prompt) AS prompt, any_value(responses.text) AS text,
        min(prompts.position) AS position
    FROM judgeable AS responses JOIN (
        FROM current_prompts WHERE bucket < $held_out ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
    ) AS prompts ON prompts.key = responses.prompt
    WHERE responses.failure IS NULL AND responses.generator IN (SELECT unnest($generators::VARCHAR[]))
    GROUP BY responses.answer
),
wanted AS (
    SELECT answer, call, repeat, unnest(criteria) AS criterion
    FROM answers, calls, (SELECT unnest(range($repeats::BIGINT)) AS repeat)
),
tried AS (
    SELECT answer, criterion, repeat, bool_or(value IS NOT NULL) AS made, count(*) AS attempts,
        arg_max(failure, attempt) AS failure
    FROM scores WHERE judge = $judge
    GROUP BY answer, criterion, repeat
),
owed AS (
    SELECT wanted.answer, call, wanted.repeat, max(coalesce(tried.attempts, 0)) AS attempt
    FROM wanted LEFT JOIN tried
        ON tried.answer = wanted.answer AND tried.criterion = wanted.criterion AND tried.repeat = wanted.repeat
    WHERE tried.answer IS NULL
        OR (NOT made AND attempts < $attempts AND failure IN (SELECT unnest($transient::VARCHAR[])))
    GROUP BY wanted.answer, call, wanted.repeat
)
SELECT answers.prompt, answers.text, owed.call, owed.repeat, owed.attempt,
    prompts.messages, prompts.document, prompts.reference
FROM owed JOIN answers ON answers.answer = owed.answer JOIN prompts ON prompts.key = answers.prompt
ORDER BY answers.position, owed.answer, owed.repeat, owed.call
