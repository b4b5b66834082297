-- A sample of prompts as a generator saw them, with the prompt tokens that its server counted.
WITH counted AS (
    SELECT prompt, sum(prompt_tokens) AS prompt_tokens
    FROM responses WHERE generator = $generator AND prompt_tokens IS NOT NULL
    GROUP BY prompt, attempt HAVING sum(prompt_tokens) > 0
    ORDER BY prompt, attempt LIMIT $limit::BIGINT
)
SELECT rendered_prompts.messages, counted.prompt_tokens::DOUBLE AS prompt_tokens
FROM counted JOIN rendered_prompts ON rendered_prompts.prompt = counted.prompt AND rendered_prompts.generator = $generator
