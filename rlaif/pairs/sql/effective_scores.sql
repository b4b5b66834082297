-- The scores of the judges, one row per repeat: the expected value over the score's tokens if the reply had their
-- probabilities, otherwise the plain value.
CREATE OR REPLACE TEMP VIEW effective_scores AS
SELECT answer, judge, criterion, coalesce(expected, value) AS score, spread FROM scores WHERE value IS NOT NULL
