-- The length of a generator's responses in tokens: their number, mean, and the 5th and 95th percentile.
SELECT count(output_tokens) AS replies, avg(output_tokens) AS mean,
    quantile_cont(output_tokens, 0.05) AS low, quantile_cont(output_tokens, 0.95) AS high
FROM responses WHERE generator = $generator AND failure IS NULL
