-- The training that the report speaks of, with what it did as JSON in `spec`.
SELECT method, base, created, spec FROM report_training
