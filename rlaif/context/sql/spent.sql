-- The spending of every stage on every model over all runs: tokens, replies, and `units` of work (responses, judgements),
-- including notes on prompts. Embeddings, and rewards of sampled responses, are not units. If a server reported no token
-- counts, they are estimated as a quarter of the characters; `guessed` counts the replies, judgements and notes for which
-- that is so.
WITH asked AS (
    SELECT prompt, generator, max(length(messages)) AS characters FROM rendered_prompts GROUP BY prompt, generator
),
-- The samples of one request share its prompt, which is paid once.
sampled AS (
    SELECT generator, prompt, attempt, count(*) AS replies, sum(prompt_tokens) AS prompt_tokens,
        sum(coalesce(output_tokens, length(text) // 4, 0)) AS output_tokens,
        count(*) FILTER (output_tokens IS NULL AND text IS NOT NULL) AS guessed
    FROM responses GROUP BY generator, prompt, attempt
),
generated AS (
    SELECT 'generate' AS stage, any_value(generators.spec) -> '$.model' AS model, sum(replies) AS replies, sum(replies) AS units,
        sum(coalesce(sampled.prompt_tokens, if(guessed > 0, characters // 4, 0))) AS prompt_tokens,
        sum(output_tokens) AS output_tokens, sum(guessed) AS guessed
    FROM sampled
        JOIN generators ON generators.key = sampled.generator
        LEFT JOIN asked ON asked.prompt = sampled.prompt AND asked.generator = sampled.generator
    GROUP BY sampled.generator
),
-- Verdicts without token counts have recorded 0. Each call showed the template, the criteria, the request and the answer, or
-- the two answers that were compared; one call showed the document, whole or in parts.
silent AS (
    SELECT key, judge, answer, coalesce(calls, 1) AS calls, length(raw) AS characters FROM verdicts
    WHERE coalesce(output_tokens, 0) = 0 AND coalesce(prompt_tokens, 0) = 0 AND raw <> ''
),
compared AS (SELECT verdict, criterion, first, second FROM comparisons WHERE verdict IN (SELECT key FROM silent)),
parts AS (
    SELECT key AS verdict, answer FROM silent WHERE answer IS NOT NULL
    UNION ALL SELECT verdict, unnest([first, second]) FROM compared
),
texts AS (
    SELECT answer, max(length(text)) AS text, max(length(messages)) AS request, max(coalesce(length(document), 0)) AS document
    FROM responses JOIN prompts ON prompts.key = responses.prompt
    WHERE answer IN (SELECT answer FROM parts)
    GROUP BY answer
),
shown AS (
    SELECT verdict, sum(text) + max(request) AS characters, max(document) AS document
    FROM parts JOIN texts USING (answer) GROUP BY verdict
),
wordings AS (
    SELECT verdict, sum(length(criteria.spec)) AS characters
    FROM (SELECT verdict, criterion FROM scores UNION ALL SELECT verdict, criterion FROM compared) JOIN (SELECT key, any_value(spec) AS spec FROM criteria GROUP BY key) AS criteria ON criteria.key = criterion
    WHERE verdict IN (SELECT key FROM silent)
    GROUP BY verdict
),
guessed AS (
    SELECT silent.judge, count(*) AS replies, sum(silent.characters // 4) AS output_tokens,
        sum((calls * (coalesce(shown.characters, 0) + coalesce(wordings.characters, 0)
            + coalesce(length(judges.spec ->> '$.template'), 0)) + coalesce(document, 0)) // 4) AS prompt_tokens
    FROM silent
        LEFT JOIN shown ON shown.verdict = silent.key
        LEFT JOIN wordings ON wordings.verdict = silent.key
        LEFT JOIN (SELECT key, any_value(spec) AS spec FROM judges GROUP BY key) AS judges ON judges.key = silent.judge
    GROUP BY silent.judge
),
noted AS (
    SELECT judge, 0 AS units, calls AS replies, counted, CASE WHEN counted THEN notes.prompt_tokens
            ELSE (length(messages) + coalesce(length(document), 0)) // 4 END AS prompt_tokens,
        CASE WHEN counted THEN notes.output_tokens ELSE length(raw) // 4 END AS output_tokens
    FROM (SELECT *, coalesce(output_tokens, 0) > 0 OR raw = '' AS counted FROM notes) AS notes
        JOIN prompts ON prompts.key = notes.prompt
),
counted AS (
    SELECT judge, sum(units) AS units, sum(coalesce(replies, 1)) AS replies, sum(prompt_tokens) AS prompt_tokens,
        sum(output_tokens) AS output_tokens, count(*) FILTER (NOT counted) AS guessed
    FROM (
        SELECT judge, 1 AS units, calls AS replies, true AS counted, prompt_tokens, output_tokens FROM verdicts
        UNION ALL FROM noted
    )
    GROUP BY judge
),
judged AS (
    -- The replies of a model that proposes rubrics are stored like verdicts, but do not count as a judge's.
    SELECT if(judges.spec ->> '$.kind' = 'proposer', '', 'judge ') || judges.name AS stage,
        judges.spec -> '$.model' AS model, counted.replies, counted.units,
        coalesce(counted.prompt_tokens, 0) + coalesce(guessed.prompt_tokens, 0) AS prompt_tokens,
        coalesce(counted.output_tokens, 0) + coalesce(guessed.output_tokens, 0) AS output_tokens,
        counted.guessed + coalesce(guessed.replies, 0) AS guessed
    FROM counted
        -- A judge may have had several names; its newest one is shown.
        JOIN (SELECT key, arg_max(name, rowid) AS name, any_value(spec) AS spec FROM judges GROUP BY key) AS judges
            ON judges.key = counted.judge
        LEFT JOIN guessed ON guessed.judge = counted.judge
)
SELECT stage, model::VARCHAR AS model, sum(replies)::BIGINT AS replies, sum(units)::BIGINT AS units, sum(prompt_tokens)::BIGINT AS prompt_tokens,
    sum(output_tokens)::BIGINT AS output_tokens, sum(guessed)::BIGINT AS guessed
FROM (
    FROM generated UNION ALL FROM judged
    UNION ALL SELECT stage, model::JSON, calls, 0, prompt_tokens, 0, guessed FROM auxiliary_calls
)
WHERE json_type(model) = 'OBJECT'
GROUP BY stage, model::VARCHAR
ORDER BY stage, model
