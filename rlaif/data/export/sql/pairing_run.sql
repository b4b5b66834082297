-- The run that made a pairing: its command line, and its complete pipeline as JSON; no row if unknown.
SELECT runs.command, runs.config FROM pairings JOIN runs ON runs.key = pairings.run
WHERE pairings.key = $pairing AND command IS NOT NULL
