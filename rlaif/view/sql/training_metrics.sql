-- The last value of each metric of each training; `#steps` is the number of its last step.
SELECT training, metric, arg_max(value, step) AS value FROM training_log WHERE isfinite(value) GROUP BY training, metric
UNION ALL
SELECT training, '#steps', max(step) FROM training_log GROUP BY training
