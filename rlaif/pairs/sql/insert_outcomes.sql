-- The outcome of every current prompt (null response), and of each response that is in no pair for a separate reason. The
-- view `outcomes` derives the other responses' outcomes, so that everything is counted.
INSERT INTO reasons
WITH failed AS (
    SELECT responses.key, any_value(responses.prompt) AS prompt, arg_max(responses.failure, attempt) AS failure
    FROM responses
    SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
    ANTI JOIN (FROM responses WHERE failure IS NULL) AS given ON given.key = responses.key
    WHERE failure IS NOT NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
    GROUP BY responses.key
),
failures AS (
    SELECT answer, arg_max(failure, (attempt, failure)) AS failure
    FROM (
        SELECT answer, judge, criterion, attempt, failure FROM scores WHERE failure IS NOT NULL
        UNION ALL
        SELECT unnest([first, second]), judge, criterion, attempt, failure FROM comparisons WHERE failure IS NOT NULL
    ) SEMI JOIN (FROM panel WHERE weight > 0) USING (criterion, judge)
    GROUP BY answer
),
unscored AS (SELECT responses.rowid AS response, failures.failure FROM responses JOIN failures USING (answer)),
kept AS (SELECT DISTINCT prompt, unnest([chosen, rejected]) AS response FROM judged WHERE kept),
-- Responses whose pairs were all dropped.
unkept AS (
    SELECT response, bool_or(confidence IS NOT NULL) AS known, bool_and(tied) AS tied
    FROM (SELECT unnest([chosen, rejected]) AS response, confidence, tied FROM judged WHERE NOT kept)
    ANTI JOIN kept USING (response)
    GROUP BY response
),
unsure AS (SELECT prompt, bool_or(confidence IS NOT NULL) AS known, bool_and(tied) AS tied FROM judged WHERE NOT kept GROUP BY prompt),
over AS (
    SELECT response, min(cause) AS cause FROM (SELECT unnest([chosen, rejected]) AS response, cause FROM surplus)
    ANTI JOIN kept USING (response) GROUP BY response
),
over_prompts AS (SELECT prompt, min(cause) AS cause FROM surplus GROUP BY prompt),
asked AS (SELECT prompts.rowid AS prompt, key FROM prompts SEMI JOIN active_prompts ON active_prompts.prompt = prompts.key),
unpaired AS (FROM asked ANTI JOIN (FROM judged WHERE kept) AS kept ON kept.prompt = asked.prompt),
taken_out AS (SELECT response, min(reason) AS reason FROM filtered WHERE response IS NOT NULL GROUP BY response),
left_out AS (SELECT prompt, min(reason) AS reason FROM filtered WHERE response IS NULL GROUP BY prompt),
found AS (
    SELECT prompt, count(*) FILTER (complete AND first) AS scored,
        count(*) FILTER (complete AND first AND reason IS NULL) AS candidates,
        max(points) FILTER (complete AND first AND reason IS NULL AND NOT vetoed) AS best,
        max(points) FILTER (complete AND first AND reason IS NULL) AS most,
        min(points) FILTER (complete AND first AND reason IS NULL) AS least
    FROM answers SEMI JOIN unpaired ON unpaired.prompt = answers.prompt
    LEFT JOIN taken_out ON taken_out.response = answers.response
    GROUP BY prompt
),
of_unpaired AS (
    SELECT unpaired.prompt, CASE
        WHEN over_prompts.cause IS NOT NULL THEN over_prompts.cause
        WHEN left_out.reason IS NOT NULL THEN 'filtered: ' || left_out.reason
        WHEN unsure.tied THEN 'tied'
        WHEN unsure.known THEN if($least = 0, 'more likely wrong than right', 'below the confidence')
        WHEN unsure.prompt IS NOT NULL THEN 'confidence not known'
        WHEN found.prompt IS NULL THEN 'no response'
        WHEN scored < 2 THEN if($unjudged, 'fewer than two answers', 'fewer than two scored answers')
        WHEN candidates < 2 THEN 'fewer than two answers after the filters'
        WHEN $unjudged THEN 'not selected by the strategy'
        WHEN most = least THEN 'tied'
        WHEN best IS NULL OR best <= least THEN 'best below a floor'
        WHEN if($scaled, $threshold > 0, best - least < $threshold) THEN 'below the margin'
        ELSE 'not selected by the strategy' END AS reason
    FROM unpaired
    LEFT JOIN found ON found.prompt = unpaired.prompt
    LEFT JOIN over_prompts ON over_prompts.prompt = unpaired.prompt
    LEFT JOIN unsure ON unsure.prompt = unpaired.prompt
    LEFT JOIN left_out ON left_out.prompt = unpaired.prompt
),
of_answers AS (
    SELECT answers.prompt, answers.response, CASE
        WHEN complete AND NOT first THEN 'same text as another'
        WHEN NOT complete AND unscored.failure IS NOT NULL THEN 'not scored: ' || unscored.failure
        WHEN starts_with(of_unpaired.reason, 'filtered') THEN NULL
        WHEN complete AND taken_out.reason IS NOT NULL THEN 'filtered: ' || taken_out.reason
        WHEN NOT complete THEN 'not judged'
        WHEN of_unpaired.reason IS NOT NULL THEN NULL
        WHEN unkept.tied THEN 'tied'
        WHEN unkept.known THEN if($least = 0, 'more likely wrong than right', 'below the confidence')
        WHEN unkept.response IS NOT NULL THEN 'confidence not known'
        WHEN over.cause IS NOT NULL THEN over.cause END AS why
    FROM answers
    LEFT JOIN of_unpaired ON of_unpaired.prompt = answers.prompt
    LEFT JOIN taken_out ON taken_out.response = answers.response
    LEFT JOIN unscored ON unscored.response = answers.response
    LEFT JOIN unkept ON unkept.response = answers.response
    LEFT JOIN over ON over.response = answers.response
    WHERE why IS NOT NULL
),
apart AS (
    SELECT prompt, count(*) AS apart
    FROM (SELECT prompt FROM of_answers UNION ALL SELECT prompt FROM kept)
    GROUP BY prompt
),
counts AS (SELECT prompt, count(*) AS responses FROM answers GROUP BY prompt)
SELECT $pairing, key, NULL, coalesce(of_unpaired.reason, 'paired'), coalesce(responses, 0) - coalesce(apart, 0)
FROM asked
LEFT JOIN of_unpaired ON of_unpaired.prompt = asked.prompt
LEFT JOIN counts ON counts.prompt = asked.prompt
LEFT JOIN apart ON apart.prompt = asked.prompt
UNION ALL
SELECT $pairing, responses.prompt, responses.key, why, NULL
FROM of_answers JOIN responses ON responses.rowid = of_answers.response
UNION ALL
SELECT $pairing, prompt, key, 'not generated: ' || failure, NULL FROM failed
