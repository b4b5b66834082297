-- The newest training, and on how many pairs it was.
SELECT method, base, created, spec, (SELECT count(*) FROM pairs WHERE pairs.pairing = report_training.pairing) AS pairs
FROM report_training
