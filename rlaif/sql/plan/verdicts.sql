-- A sample of answers that a judge has judged, with the number of verdicts on each and the prompt tokens of all of them.
WITH counted AS (
    SELECT answer, count(*) AS verdicts, sum(prompt_tokens)::DOUBLE AS prompt_tokens
    FROM verdicts WHERE judge = $judge AND prompt_tokens > 0
    GROUP BY answer ORDER BY answer LIMIT $limit::BIGINT
),
answers AS (
    SELECT answer, any_value(prompt) AS prompt, any_value(text) AS text
    FROM responses WHERE answer IN (SELECT answer FROM counted)
    GROUP BY answer
)
SELECT answers.prompt, answers.text, counted.verdicts, counted.prompt_tokens, prompts.messages, prompts.document, prompts.reference, prompts.checklist
FROM counted JOIN answers ON answers.answer = counted.answer JOIN prompts ON prompts.key = answers.prompt
