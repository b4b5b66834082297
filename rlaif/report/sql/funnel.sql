-- The funnel from source rows to pairs: one row per step and part. The parts of a step add up to all items that entered it,
-- because each item belongs to exactly one part; `kept` parts continue. `which` describes the items of a step, such as their
-- generator or judge. $held_out is the held-out share in ten-thousandths.
WITH entered AS (
    SELECT 'kept as prompts' AS part, true AS kept FROM current_prompts
    UNION ALL SELECT reason, false FROM dropped WHERE what = 'prompt'
),
prompts AS (
    SELECT prompts.key, bucket < $held_out AS held_out,
        prompts.key IN (SELECT prompt FROM report_pairs) AS paired, outcomes.outcome
    FROM current_prompts AS prompts LEFT JOIN (
        SELECT prompt, min(reason) AS outcome FROM reasons JOIN report_pairing ON report_pairing.key = pairing
        WHERE response IS NULL GROUP BY prompt
    ) AS outcomes ON outcomes.prompt = prompts.key
),
judged AS (
    SELECT answer, judge, min(failure) AS failure, count(*) AS criteria FROM report_scores GROUP BY answer, judge
),
panel AS (
    SELECT DISTINCT writer, judge, max(criteria) OVER (PARTITION BY judge) AS criteria
    FROM judged JOIN report_responses AS responses ON responses.answer = judged.answer
    WHERE responses.failure IS NULL
),
asked AS (
    SELECT panel.writer, panel.judge, CASE
            WHEN judged.answer IS NULL THEN 'not asked'
            WHEN judged.failure IS NOT NULL THEN judged.failure
            WHEN judged.criteria < panel.criteria THEN 'partly judged'
            ELSE 'scored'
        END AS part
    FROM panel
        JOIN report_responses AS responses ON responses.writer = panel.writer AND responses.failure IS NULL
        LEFT JOIN judged ON judged.answer = responses.answer AND judged.judge = panel.judge
),
standing AS (
    SELECT responses.key, outcomes.outcome,
        responses.key IN (SELECT chosen FROM report_pairs) AS chosen,
        responses.key IN (SELECT rejected FROM report_pairs) AS rejected
    FROM report_responses AS responses LEFT JOIN (
        SELECT response, min(outcome) AS outcome FROM outcomes JOIN report_pairing ON report_pairing.key = pairing
        WHERE response IS NOT NULL GROUP BY response
    ) AS outcomes ON outcomes.response = responses.key
    QUALIFY bool_or(outcome IS NOT NULL) OVER (PARTITION BY writer)
),
parts AS (
    SELECT 1 AS step, 'rows' AS name, 'of the sources' AS which, part, kept FROM entered
    UNION ALL
    SELECT 2, 'prompts', 'collected', if(held_out, 'held out', 'for training'), true FROM prompts
    UNION ALL
    SELECT 3, 'responses', 'by ' || writer, coalesce(failure, 'usable'), failure IS NULL FROM report_responses
    UNION ALL
    SELECT 4, 'responses', 'by ' || writer || ', judged by ' || judge, part, part = 'scored' FROM asked
    UNION ALL
    SELECT 5, 'prompts', 'to pair',
        if(paired, 'paired', coalesce(outcome, 'not in this pairing')), paired
    FROM prompts WHERE EXISTS (FROM report_pairing)
    UNION ALL
    SELECT 6, 'responses', 'to pair', CASE
            WHEN chosen AND rejected THEN 'chosen and rejected'
            WHEN chosen THEN 'chosen'
            WHEN rejected THEN 'rejected'
            ELSE coalesce(outcome, 'not in this pairing')
        END, chosen OR rejected
    FROM standing WHERE EXISTS (FROM report_pairing)
    UNION ALL
    SELECT 7, 'pairs', 'made', if(prompts.held_out, 'held out', 'for training'), true
    FROM report_pairs JOIN prompts ON prompts.key = report_pairs.prompt
)
SELECT step, name, which, part, kept, count(*) AS n
FROM parts
GROUP BY step, name, which, part, kept
ORDER BY step, which, kept DESC, n DESC, part
