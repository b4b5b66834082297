-- What a served model's servers told of themselves in the last run before this one in which they told it.
SELECT DISTINCT remark, value FROM server_observations
WHERE server = $server AND model = $model AND run <> $run
QUALIFY run = first_value(run) OVER (PARTITION BY remark ORDER BY rowid DESC)
