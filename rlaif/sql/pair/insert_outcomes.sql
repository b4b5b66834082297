-- One outcome for every current prompt (response null) and for every response to it: nothing is left out uncounted.
INSERT INTO outcomes
WITH failures AS (
    SELECT answer, max(failure) AS failure
    FROM latest_scores SEMI JOIN (FROM pairing_criteria WHERE pairing = $pairing AND weight > 0) AS criteria
        ON criteria.criterion = latest_scores.criterion
    WHERE judge = $judge AND failure IS NOT NULL
    GROUP BY answer
),
leads AS (
    SELECT prompt, count(*) AS candidates, max(points) FILTER (NOT vetoed) - min(points) AS lead,
        max(points) - min(points) AS any_lead
    FROM candidates GROUP BY prompt
),
mine AS (
    SELECT * FROM responses WHERE generator IN (SELECT unnest($generators::VARCHAR[]))
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY failure IS NULL DESC, attempt DESC) = 1
),
sampled AS (SELECT prompt, count(*) FILTER (failure IS NULL) AS responses FROM mine GROUP BY prompt),
paired AS (SELECT DISTINCT prompt FROM made),
of_prompts AS (
    SELECT prompts.key AS prompt, CASE
        WHEN paired.prompt IS NOT NULL THEN 'paired'
        WHEN prompts.key IN (SELECT prompt FROM surplus) THEN 'over the target'
        WHEN coalesce(sampled.responses, 0) = 0 THEN 'no response'
        WHEN coalesce(leads.candidates, 0) < 2 THEN 'fewer than two scored answers'
        WHEN leads.any_lead = 0 THEN 'tied'
        WHEN leads.lead IS NULL OR leads.lead <= 0 THEN 'best below a floor'
        WHEN leads.lead < $threshold THEN 'below the margin'
        ELSE 'not selected by the strategy' END AS outcome
    FROM current_prompts AS prompts
    LEFT JOIN paired ON paired.prompt = prompts.key
    LEFT JOIN sampled ON sampled.prompt = prompts.key
    LEFT JOIN leads ON leads.prompt = prompts.key
),
of_responses AS (
    SELECT mine.prompt, mine.key AS response, CASE
        WHEN mine.key IN (SELECT chosen FROM made) AND mine.key IN (SELECT rejected FROM made) THEN 'chosen and rejected'
        WHEN mine.key IN (SELECT chosen FROM made) THEN 'chosen'
        WHEN mine.key IN (SELECT rejected FROM made) THEN 'rejected'
        WHEN mine.failure IS NOT NULL THEN 'not generated: ' || mine.failure
        WHEN candidates.response <> mine.key THEN 'same text as another'
        WHEN failures.failure IS NOT NULL THEN 'not scored: ' || failures.failure
        WHEN candidates.answer IS NULL THEN 'not judged'
        WHEN of_prompts.outcome = 'paired' THEN 'not selected by the strategy'
        ELSE 'prompt without a pair: ' || of_prompts.outcome END AS outcome
    FROM mine
    JOIN of_prompts ON of_prompts.prompt = mine.prompt
    LEFT JOIN candidates ON candidates.prompt = mine.prompt AND candidates.answer = mine.answer
    LEFT JOIN failures ON failures.answer = mine.answer
)
SELECT $pairing, prompt, NULL, outcome FROM of_prompts
UNION ALL
SELECT $pairing, prompt, response, outcome FROM of_responses
