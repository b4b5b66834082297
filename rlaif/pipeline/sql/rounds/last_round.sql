-- The folder of the model of the last round that gained, otherwise that of the first round: `path` below the pipeline's
-- folder.
SELECT trainings.path
FROM rounds JOIN trainings ON trainings.key = rounds.training
WHERE chain = $chain
ORDER BY rounds.stopped IS NULL DESC, number DESC
LIMIT 1
