-- The mean cost of a judge's past judgements and comparisons, by criterion and over all (a null criterion): their number,
-- requests, prompt tokens, and output tokens with their 5th and 95th percentile. Those without token counts are left out.
SELECT criterion, count(DISTINCT verdict) AS units, avg(calls) AS requests, avg(prompt_tokens) AS prompt_tokens,
    avg(output_tokens) AS mean, quantile_cont(output_tokens, 0.05) AS low, quantile_cont(output_tokens, 0.95) AS high
FROM (SELECT key AS verdict, coalesce(calls, 1) AS calls, prompt_tokens, output_tokens FROM verdicts WHERE judge = $judge)
    JOIN (
        SELECT verdict, criterion FROM scores WHERE judge = $judge
        UNION ALL SELECT verdict, criterion FROM comparisons WHERE judge = $judge
    ) USING (verdict)
WHERE calls = 0 OR prompt_tokens > 0
GROUP BY GROUPING SETS ((criterion), ())
