-- What every stage has spent on every model, over all runs, in tokens. Where a server did not say how many, they are
-- guessed at a quarter of the characters; `guessed` counts the replies of which that is so.
WITH asked AS (
    SELECT prompt, generator, max(length(messages)) AS characters FROM asks GROUP BY prompt, generator
),
-- The samples of one ask share its prompt, which is paid once.
sampled AS (
    SELECT generator, prompt, attempt, count(*) AS replies, sum(prompt_tokens) AS prompt_tokens,
        sum(coalesce(output_tokens, length(text) // 4, 0)) AS output_tokens,
        count(*) FILTER (output_tokens IS NULL AND text IS NOT NULL) AS guessed
    FROM responses GROUP BY generator, prompt, attempt
),
generated AS (
    SELECT 'generate' AS stage, any_value(generators.spec) -> '$.model' AS model, sum(replies) AS replies,
        sum(coalesce(sampled.prompt_tokens, if(guessed > 0, characters // 4, 0))) AS prompt_tokens,
        sum(output_tokens) AS output_tokens, sum(guessed) AS guessed
    FROM sampled
        JOIN generators ON generators.key = sampled.generator
        LEFT JOIN asked ON asked.prompt = sampled.prompt AND asked.generator = sampled.generator
    GROUP BY sampled.generator
),
-- A judge that was never told a count has recorded 0. It was shown its template, its criteria, the prompt and the answer.
silent AS (
    SELECT key, judge, answer, length(raw) AS characters FROM verdicts
    WHERE coalesce(output_tokens, 0) = 0 AND raw <> ''
),
shown AS (
    SELECT answer, max(length(text) + length(messages) + coalesce(length(document), 0)) AS characters
    FROM responses JOIN prompts ON prompts.key = responses.prompt
    WHERE answer IN (SELECT answer FROM silent)
    GROUP BY answer
),
wordings AS (
    SELECT verdict, sum(length(criteria.spec)) AS characters
    FROM scores JOIN (SELECT key, any_value(spec) AS spec FROM criteria GROUP BY key) AS criteria ON criteria.key = criterion
    WHERE verdict IN (SELECT key FROM silent)
    GROUP BY verdict
),
guessed AS (
    SELECT silent.judge, count(*) AS replies, sum(silent.characters // 4) AS output_tokens,
        sum((coalesce(shown.characters, 0) + coalesce(wordings.characters, 0)
            + coalesce(length(judges.spec ->> '$.template'), 0)) // 4) AS prompt_tokens
    FROM silent
        LEFT JOIN shown ON shown.answer = silent.answer
        LEFT JOIN wordings ON wordings.verdict = silent.key
        LEFT JOIN (SELECT key, any_value(spec) AS spec FROM judges GROUP BY key) AS judges ON judges.key = silent.judge
    GROUP BY silent.judge
),
counted AS (
    SELECT judge, count(*) AS replies, sum(prompt_tokens) AS prompt_tokens, sum(output_tokens) AS output_tokens
    FROM verdicts GROUP BY judge
),
judged AS (
    SELECT 'judge ' || judges.name AS stage, judges.spec -> '$.model' AS model, counted.replies,
        coalesce(counted.prompt_tokens, 0) + coalesce(guessed.prompt_tokens, 0) AS prompt_tokens,
        coalesce(counted.output_tokens, 0) + coalesce(guessed.output_tokens, 0) AS output_tokens,
        coalesce(guessed.replies, 0) AS guessed
    FROM counted
        -- A judge may have stood in the file under several names; its newest counts.
        JOIN (SELECT key, arg_max(name, rowid) AS name, any_value(spec) AS spec FROM judges GROUP BY key) AS judges
            ON judges.key = counted.judge
        LEFT JOIN guessed ON guessed.judge = counted.judge
)
SELECT stage, model::VARCHAR AS model, sum(replies)::BIGINT AS replies, sum(prompt_tokens)::BIGINT AS prompt_tokens,
    sum(output_tokens)::BIGINT AS output_tokens, sum(guessed)::BIGINT AS guessed
FROM (FROM generated UNION ALL FROM judged)
WHERE json_type(model) = 'OBJECT'
GROUP BY stage, model::VARCHAR
ORDER BY stage, model
