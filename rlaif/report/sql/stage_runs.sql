-- The work of each stage over all runs, in the order in which the stages first ran.
SELECT stage, count(DISTINCT run) AS runs, sum(done)::BIGINT AS done, sum(failed)::BIGINT AS failed,
    sum(calls)::BIGINT AS calls, sum(prompt_tokens)::BIGINT AS prompt_tokens,
    sum(output_tokens)::BIGINT AS output_tokens, sum(seconds) AS seconds
FROM stage_runs
GROUP BY stage
ORDER BY min(rowid), stage
