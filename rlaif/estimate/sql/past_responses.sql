-- The mean cost of a generator's past responses in tokens: their number, the prompt tokens of a request, and the output
-- tokens of a response with their 5th and 95th percentile. The samples of one request share its prompt.
SELECT count(output_tokens) AS units, avg(output_tokens) AS mean,
    quantile_cont(output_tokens, 0.05) AS low, quantile_cont(output_tokens, 0.95) AS high,
    (SELECT sum(prompt_tokens)::DOUBLE / count(DISTINCT (prompt, attempt)) FROM responses
        WHERE generator = $generator AND prompt_tokens > 0) AS prompt_tokens
FROM responses WHERE generator = $generator AND failure IS NULL
