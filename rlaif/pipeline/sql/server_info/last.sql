-- What the servers of a model reported about themselves in the last earlier run that has such a report.
SELECT DISTINCT remark, value FROM server_observations
WHERE server = $server AND model = $model AND run <> $run
QUALIFY run = first_value(run) OVER (PARTITION BY remark ORDER BY rowid DESC)
