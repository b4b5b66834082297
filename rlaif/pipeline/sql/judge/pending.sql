-- The pending calls of a judge, grouped by prompt and answer so that servers can reuse the shared prefix. A call is pending
-- if one of its criteria has no score for the answer, or only transient failures that were tried fewer than $attempts times;
-- attempts from before a `rlaif retry` do not count. $calls is a list of {call, criteria}. $generators selects whose
-- responses are judged: of each prompt the first $samples (all if null), and of these only $answers if it is not null. If
-- $after is a judge (the one before in a cascade), only the prompts that it escalated count. `pending` is the number of
-- pending calls. Finished criteria are gathered as bits, one per criterion, and complete answers are dropped first, so that a
-- resume over millions of scores stays small and quick.
WITH calls AS (
    SELECT unnest($calls::STRUCT(call INTEGER, criteria VARCHAR[])[], recursive := true)
),
criteria AS (
    SELECT call, criterion, 1::HUGEINT << CAST(row_number() OVER (ORDER BY call, criterion) - 1 AS INTEGER) AS bit
    FROM (SELECT call, unnest(criteria) AS criterion FROM calls)
),
whole_calls AS (SELECT call, bit_or(bit) AS bits FROM criteria GROUP BY call),
made AS (
    SELECT answer, repeat, bit_or(bit) AS bits
    FROM scores JOIN criteria USING (criterion)
    WHERE judge = $judge AND value IS NOT NULL
    GROUP BY answer, repeat
),
answers AS (
    SELECT responses.answer, wanted.repeat, min(prompts.position) AS position
    FROM judgeable AS responses JOIN (
        FROM current_prompts WHERE bucket < $held_out ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
    ) AS prompts ON prompts.key = responses.prompt
    CROSS JOIN (SELECT unnest(range($repeats::BIGINT)) AS repeat) AS wanted
    ANTI JOIN (FROM made WHERE bits = (SELECT bit_or(bit) FROM criteria)) AS whole
        ON whole.answer = responses.answer AND whole.repeat = wanted.repeat
    WHERE responses.failure IS NULL AND responses.generator IN (SELECT unnest($generators::VARCHAR[]))
        AND responses.sample < coalesce($samples::BIGINT, 9223372036854775807)
        AND ($answers::VARCHAR[] IS NULL OR responses.answer IN (SELECT unnest($answers::VARCHAR[])))
        AND ($after::VARCHAR IS NULL OR responses.prompt IN (SELECT prompt FROM cascade_escalations WHERE judge = $judge AND before = $after))
    GROUP BY responses.answer, wanted.repeat
),
failed AS (
    SELECT answer, repeat, criterion, count(*) AS attempts, arg_max(failure, attempt) AS failure
    FROM scores SEMI JOIN criteria USING (criterion)
    WHERE judge = $judge AND value IS NULL
    GROUP BY answer, repeat, criterion
),
pending AS (
    SELECT answers.answer, position, call, answers.repeat, coalesce(made.bits, 0) AS bits
    FROM answers CROSS JOIN whole_calls
    LEFT JOIN (FROM made WHERE bits <> (SELECT bit_or(bit) FROM criteria)) AS made ON made.answer = answers.answer AND made.repeat = answers.repeat
    WHERE made.bits IS NULL OR (made.bits & whole_calls.bits) <> whole_calls.bits
),
tried AS (
    SELECT pending.answer, any_value(position) AS position, pending.call, pending.repeat,
        max(coalesce(failed.attempts, 0)) AS attempt
    FROM pending SEMI JOIN failed ON failed.answer = pending.answer AND failed.repeat = pending.repeat
    JOIN criteria ON criteria.call = pending.call AND (criteria.bit & pending.bits) = 0
    LEFT JOIN failed ON failed.answer = pending.answer AND failed.repeat = pending.repeat AND failed.criterion = criteria.criterion
    LEFT JOIN forgiven_attempts AS forgiven
        ON forgiven.unit = concat_ws('/', failed.answer, $judge, failed.criterion, failed.repeat)
    WHERE failed.answer IS NULL OR failed.attempts = forgiven.attempts
        OR (failed.attempts - coalesce(forgiven.attempts, 0) < $attempts AND failure IN (SELECT unnest($transient::VARCHAR[])))
    GROUP BY pending.answer, pending.call, pending.repeat
),
units AS (
    SELECT answer, position, call, repeat, 0 AS attempt
    FROM pending ANTI JOIN failed ON failed.answer = pending.answer AND failed.repeat = pending.repeat
    UNION ALL FROM tried
)
SELECT answer, call, repeat, attempt, count(*) OVER () AS pending
FROM units
ORDER BY position, answer, repeat, call
