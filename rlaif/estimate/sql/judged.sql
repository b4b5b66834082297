-- The length of a judge's replies in tokens: the number of judgements with a known length, their mean, and the 5th and 95th
-- percentile over judgements. A judgement may take several replies.
SELECT count(output_tokens) AS replies, sum(output_tokens) / sum(coalesce(calls, 1)) AS mean,
    quantile_cont(output_tokens / coalesce(calls, 1), 0.05) AS low, quantile_cont(output_tokens / coalesce(calls, 1), 0.95) AS high
FROM verdicts WHERE judge = $judge AND output_tokens > 0 AND coalesce(calls, 1) > 0
