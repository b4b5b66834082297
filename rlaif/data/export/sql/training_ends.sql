-- Values that a training logged at its first and last step, by metric.
SELECT metric, max(step) AS step, arg_min(value, step) AS first, arg_max(value, step) AS last
FROM training_log WHERE training = $key AND isfinite(value)
GROUP BY metric ORDER BY metric
