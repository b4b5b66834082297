-- How often this pipeline was run.
SELECT count(*) AS runs FROM runs
