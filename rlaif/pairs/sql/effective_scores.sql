-- What judges gave, one row a repeat: the expected value over the score's tokens where the reply had their probabilities.
CREATE OR REPLACE TEMP VIEW told AS
SELECT answer, judge, criterion, coalesce(expected, value) AS score, spread FROM scores WHERE value IS NOT NULL
