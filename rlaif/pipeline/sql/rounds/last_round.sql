-- Where the model of the last round lies that was worth it, else that of the first: `path` below the pipeline's folder.
SELECT trainings.path
FROM rounds JOIN trainings ON trainings.key = rounds.training
WHERE chain = $chain
ORDER BY rounds.stopped IS NULL DESC, number DESC
LIMIT 1
