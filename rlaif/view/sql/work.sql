-- The work of each stage in each run, newest run first.
SELECT run, stage, started, seconds, done, failed, calls, prompt_tokens, output_tokens
FROM stage_runs
ORDER BY max(stage_runs.rowid) OVER (PARTITION BY run) DESC, stage_runs.rowid
LIMIT 200
