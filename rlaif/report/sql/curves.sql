-- Values that the training logged, by metric and step.
SELECT metric, step, max(value) AS value
FROM training_log JOIN report_training ON report_training.key = training
WHERE isfinite(value)
GROUP BY metric, step
ORDER BY metric, step
