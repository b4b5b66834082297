-- The number of responses of these generators to active prompts (`responses`), and how many of them are judged (`judged`):
-- by every criterion in $wanted, a list of {judge, criterion}, or by any of them if $every is false. A judge without
-- criteria in $wanted, whose votes came with the data or from people, has judged what it compared. A failed judgement
-- counts, because it was tried. If $after is a judge (the one before in a cascade), only the prompts that it escalated to
-- $judges count. If $two, only prompts with two different answers count: the others have nothing to compare.
-- All rows about an answer meet in one aggregate, in which each wanted criterion is a bit: with millions of answers, every join
-- and DISTINCT is expensive.
WITH wanted AS (
    SELECT judge, criterion, set_bit(repeat('0', count(*) OVER ()::INTEGER)::BIT, row_number() OVER ()::INTEGER - 1, 1) AS bit
    FROM (SELECT unnest($wanted::STRUCT(judge VARCHAR, criterion VARCHAR)[], recursive := true))
),
mine AS (
    SELECT answer, responses.prompt
    FROM responses SEMI JOIN active_prompts ON active_prompts.prompt = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
        AND ($after::VARCHAR IS NULL OR responses.prompt IN (
            SELECT prompt FROM cascade_escalations WHERE before = $after AND judge IN (SELECT unnest($judges::VARCHAR[]))))
),
given AS (
    SELECT answer, judge, criterion FROM scores WHERE judge IN (SELECT unnest($judges::VARCHAR[]))
    UNION ALL
    SELECT unnest([first, second]), judge, criterion FROM comparisons WHERE judge IN (SELECT unnest($judges::VARCHAR[]))
),
counted AS (
    SELECT answer, true AS response, NULL::BIT AS bit FROM mine
    WHERE NOT $two OR prompt IN (SELECT prompt FROM mine GROUP BY prompt HAVING min(answer) <> max(answer))
    UNION ALL
    SELECT answer, false, bit FROM given LEFT JOIN wanted ON wanted.judge = given.judge AND wanted.criterion = given.criterion
    WHERE wanted.judge IS NOT NULL OR given.judge NOT IN (SELECT judge FROM wanted)
),
answers AS (
    SELECT count(*) FILTER (response) AS responses,
        bool_or(NOT response)
            AND (NOT $every OR coalesce(bit_count(bit_or(bit)), 0) = (SELECT count(*) FROM wanted)) AS judged
    FROM counted GROUP BY answer
)
SELECT coalesce(sum(responses), 0)::BIGINT AS responses, coalesce(sum(responses) FILTER (judged), 0)::BIGINT AS judged FROM answers
