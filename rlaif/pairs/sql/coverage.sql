-- The number of responses of these generators to active prompts (`responses`), and how many of them are judged (`judged`):
-- by every criterion in $wanted, a list of {judge, criterion}, or by any of them if $every is false. A judge without
-- criteria in $wanted, whose votes came with the data or from people, has judged what it compared. A failed judgement
-- counts, because it was tried. If $after is a judge (the one before in a cascade), only the prompts that it escalated to
-- $judges count. If $two, only prompts with two different answers count: the others have nothing to compare.
WITH wanted AS (SELECT unnest($wanted::STRUCT(judge VARCHAR, criterion VARCHAR)[], recursive := true)),
mine AS (
    SELECT DISTINCT responses.key, responses.answer, responses.prompt
    FROM responses SEMI JOIN active_prompts ON active_prompts.prompt = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
        AND ($after::VARCHAR IS NULL OR responses.prompt IN (
            SELECT prompt FROM cascade_escalations WHERE before = $after AND judge IN (SELECT unnest($judges::VARCHAR[]))))
),
counted AS (
    FROM mine QUALIFY NOT $two OR min(answer) OVER (PARTITION BY prompt) <> max(answer) OVER (PARTITION BY prompt)
),
given AS (
    SELECT DISTINCT answer, judge, criterion FROM scores WHERE judge IN (SELECT unnest($judges::VARCHAR[]))
    UNION
    SELECT DISTINCT unnest([first, second]), judge, criterion FROM comparisons WHERE judge IN (SELECT unnest($judges::VARCHAR[]))
),
judged AS (
    SELECT answer FROM given LEFT JOIN wanted ON wanted.judge = given.judge AND wanted.criterion = given.criterion
    WHERE wanted.judge IS NOT NULL OR given.judge NOT IN (SELECT judge FROM wanted)
    GROUP BY answer HAVING NOT $every OR count(wanted.judge) = (SELECT count(*) FROM wanted)
)
SELECT count(*) AS responses, count(judged.answer) AS judged
FROM counted LEFT JOIN judged ON judged.answer = counted.answer
