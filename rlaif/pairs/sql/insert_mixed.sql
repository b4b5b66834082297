-- Keeps what the scores of several judges came to, for all who ask later what made these pairs.
INSERT INTO mixed
SELECT $pairing, scored.criterion, scored.answer, scored.score FROM scored
