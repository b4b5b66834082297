-- One outcome for every current prompt (response null) and for every response to it: nothing is left out uncounted.
INSERT INTO outcomes
WITH failed AS (
    SELECT responses.key, any_value(responses.prompt) AS prompt, arg_max(responses.failure, attempt) AS failure
    FROM responses
    SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
    ANTI JOIN answers ON answers.response = responses.key
    WHERE failure IS NOT NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
    GROUP BY responses.key
),
failures AS (
    SELECT answer, arg_max(failure, (attempt, failure)) AS failure
    FROM scores
    SEMI JOIN (FROM weighed WHERE weight > 0) AS weighed ON weighed.criterion = scores.criterion AND weighed.judge = scores.judge
    WHERE failure IS NOT NULL
    GROUP BY answer
),
sides AS (
    SELECT response, bool_or(side = 'chosen' AND kept) AS chosen, bool_or(side = 'rejected' AND kept) AS rejected,
        bool_or(confidence IS NOT NULL) AS known
    FROM (SELECT chosen AS response, 'chosen' AS side, kept, confidence FROM judged
        UNION ALL SELECT rejected, 'rejected', kept, confidence FROM judged)
    GROUP BY response
),
unsure AS (SELECT prompt, bool_or(confidence IS NOT NULL) AS known FROM judged WHERE NOT kept GROUP BY prompt),
unpaired AS (FROM current_prompts ANTI JOIN (FROM judged WHERE kept) AS kept ON kept.prompt = current_prompts.key),
left_out AS (SELECT prompt, min(reason) AS reason FROM filtered WHERE answer IS NULL GROUP BY prompt),
found AS (
    SELECT prompt, count(*) FILTER (complete AND first) AS scored,
        count(*) FILTER (complete AND first AND filtered IS NULL) AS candidates,
        max(points) FILTER (complete AND first AND filtered IS NULL AND NOT vetoed) AS best,
        max(points) FILTER (complete AND first AND filtered IS NULL) AS most,
        min(points) FILTER (complete AND first AND filtered IS NULL) AS least
    FROM answers SEMI JOIN unpaired ON unpaired.key = answers.prompt
    GROUP BY prompt
),
of_unpaired AS (
    SELECT unpaired.key AS prompt, CASE
        WHEN unpaired.key IN (SELECT prompt FROM surplus) THEN 'over the target'
        WHEN left_out.reason IS NOT NULL THEN 'filtered: ' || left_out.reason
        WHEN unsure.known THEN 'below the confidence'
        WHEN unsure.prompt IS NOT NULL THEN 'confidence not known'
        WHEN found.prompt IS NULL THEN 'no response'
        WHEN scored < 2 THEN 'fewer than two scored answers'
        WHEN candidates < 2 THEN 'fewer than two answers after the filters'
        WHEN most = least THEN 'tied'
        WHEN best IS NULL OR best <= least THEN 'best below a floor'
        WHEN best - least < $threshold THEN 'below the margin'
        ELSE 'not selected by the strategy' END AS outcome
    FROM unpaired
    LEFT JOIN found ON found.prompt = unpaired.key
    LEFT JOIN unsure ON unsure.prompt = unpaired.key
    LEFT JOIN left_out ON left_out.prompt = unpaired.key
),
of_answers AS (
    SELECT answers.prompt, answers.response, CASE
        WHEN sides.chosen AND sides.rejected THEN 'chosen and rejected'
        WHEN sides.chosen THEN 'chosen'
        WHEN sides.rejected THEN 'rejected'
        WHEN complete AND NOT first THEN 'same text as another'
        WHEN NOT complete AND failures.failure IS NOT NULL THEN 'not scored: ' || failures.failure
        WHEN filtered IS NOT NULL AND (complete OR starts_with(of_unpaired.outcome, 'filtered')) THEN CASE
            WHEN starts_with(of_unpaired.outcome, 'filtered') THEN 'prompt without a pair: ' || of_unpaired.outcome
            ELSE 'filtered: ' || filtered END
        WHEN NOT complete THEN 'not judged'
        WHEN of_unpaired.outcome IS NOT NULL THEN 'prompt without a pair: ' || of_unpaired.outcome
        WHEN sides.known THEN 'below the confidence'
        WHEN sides.response IS NOT NULL THEN 'confidence not known'
        WHEN answers.response IN (SELECT chosen FROM surplus UNION ALL SELECT rejected FROM surplus) THEN 'over the target'
        ELSE 'not selected by the strategy' END AS outcome
    FROM answers
    LEFT JOIN of_unpaired ON of_unpaired.prompt = answers.prompt
    LEFT JOIN failures ON failures.answer = answers.answer
    LEFT JOIN sides ON sides.response = answers.response
)
SELECT $pairing, key, NULL, coalesce(of_unpaired.outcome, 'paired')
FROM current_prompts LEFT JOIN of_unpaired ON of_unpaired.prompt = current_prompts.key
UNION ALL
SELECT $pairing, prompt, response, outcome FROM of_answers
UNION ALL
SELECT $pairing, prompt, key, 'not generated: ' || failure FROM failed
