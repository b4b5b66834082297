-- One outcome for every current prompt (response null) and for every response to it: nothing is left out uncounted.
INSERT INTO outcomes
WITH generated AS (
    SELECT key, prompt, answer, NULL AS failure FROM responses
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
),
mine AS (
    FROM generated
    UNION ALL
    SELECT key, any_value(prompt), NULL, arg_max(failure, attempt) FROM responses
    WHERE failure IS NOT NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
        AND key NOT IN (SELECT key FROM generated)
    GROUP BY key
),
failures AS (
    SELECT answer, arg_max(failure, (attempt, failure)) AS failure
    FROM scores
    SEMI JOIN (FROM weighed WHERE weight > 0) AS weighed ON weighed.criterion = scores.criterion AND weighed.judge = scores.judge
    WHERE failure IS NOT NULL
    GROUP BY answer
),
leads AS (
    SELECT prompt, count(*) AS candidates, max(points) FILTER (NOT vetoed) - min(points) AS lead,
        max(points) - min(points) AS any_lead
    FROM candidates GROUP BY prompt
),
left_out AS (SELECT prompt, count(answer) AS answers, any_value(reason) FILTER (answer IS NULL) AS reason FROM filtered GROUP BY prompt),
sampled AS (SELECT prompt, count(*) FILTER (failure IS NULL) AS responses FROM mine GROUP BY prompt),
-- What of the two is rarer stands first, and `min` finds it: a pair that is kept is what its responses are remembered for.
paired AS (
    SELECT prompt, bool_or(kept) AS kept, bool_or(confidence IS NOT NULL) AS known FROM judged GROUP BY prompt
),
sides AS (
    SELECT response, bool_or(side = 'chosen' AND kept) AS chosen, bool_or(side = 'rejected' AND kept) AS rejected,
        bool_or(confidence IS NOT NULL) AS known
    FROM (SELECT chosen AS response, 'chosen' AS side, kept, confidence FROM judged
        UNION ALL SELECT rejected, 'rejected', kept, confidence FROM judged)
    GROUP BY response
),
of_prompts AS (
    SELECT prompts.key AS prompt, CASE
        WHEN paired.kept THEN 'paired'
        WHEN prompts.key IN (SELECT prompt FROM surplus) THEN 'over the target'
        WHEN left_out.reason IS NOT NULL THEN 'filtered: ' || left_out.reason
        WHEN paired.known THEN 'below the confidence'
        WHEN paired.prompt IS NOT NULL THEN 'confidence not known'
        WHEN coalesce(sampled.responses, 0) = 0 THEN 'no response'
        WHEN coalesce(leads.candidates, 0) + coalesce(left_out.answers, 0) < 2 THEN 'fewer than two scored answers'
        WHEN coalesce(leads.candidates, 0) < 2 THEN 'fewer than two answers after the filters'
        WHEN leads.any_lead = 0 THEN 'tied'
        WHEN leads.lead IS NULL OR leads.lead <= 0 THEN 'best below a floor'
        WHEN leads.lead < $threshold THEN 'below the margin'
        ELSE 'not selected by the strategy' END AS outcome
    FROM current_prompts AS prompts
    LEFT JOIN paired ON paired.prompt = prompts.key
    LEFT JOIN sampled ON sampled.prompt = prompts.key
    LEFT JOIN leads ON leads.prompt = prompts.key
    LEFT JOIN left_out ON left_out.prompt = prompts.key
),
of_responses AS (
    SELECT mine.prompt, mine.key AS response, CASE
        WHEN sides.chosen AND sides.rejected THEN 'chosen and rejected'
        WHEN sides.chosen THEN 'chosen'
        WHEN sides.rejected THEN 'rejected'
        WHEN mine.failure IS NOT NULL THEN 'not generated: ' || mine.failure
        WHEN candidates.response <> mine.key THEN 'same text as another'
        WHEN filtered.reason IS NOT NULL THEN 'filtered: ' || filtered.reason
        WHEN candidates.answer IS NULL AND failures.failure IS NOT NULL THEN 'not scored: ' || failures.failure
        WHEN candidates.answer IS NULL AND starts_with(of_prompts.outcome, 'filtered') THEN 'prompt without a pair: ' || of_prompts.outcome
        WHEN candidates.answer IS NULL THEN 'not judged'
        WHEN of_prompts.outcome <> 'paired' THEN 'prompt without a pair: ' || of_prompts.outcome
        WHEN sides.known THEN 'below the confidence'
        WHEN sides.response IS NOT NULL THEN 'confidence not known'
        WHEN mine.key IN (SELECT chosen FROM surplus UNION ALL SELECT rejected FROM surplus) THEN 'over the target'
        ELSE 'not selected by the strategy' END AS outcome
    FROM mine
    JOIN of_prompts ON of_prompts.prompt = mine.prompt
    LEFT JOIN candidates ON candidates.answer = mine.answer
    LEFT JOIN filtered ON filtered.answer = mine.answer
    LEFT JOIN failures ON failures.answer = mine.answer
    LEFT JOIN sides ON sides.response = mine.key
)
SELECT $pairing, prompt, NULL, outcome FROM of_prompts
UNION ALL
SELECT $pairing, prompt, response, outcome FROM of_responses
