-- Stores the combined scores of several judges, to show later what these pairs were made from.
INSERT INTO mixed
SELECT $pairing, scored.criterion, scored.answer, scored.score FROM scored
