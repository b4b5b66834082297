-- The score of each answer by each criterion of the pairing's judge, with its weight, if the judge scored everything once,
-- so that no mean is needed. `spread` is the standard deviation over the judge's score tokens; a program's score has no such
-- tokens and is exact.
CREATE OR REPLACE TEMP VIEW averaged AS
SELECT answer, weighed.*, score, if(exact, 0, spread)::DECIMAL(18, 6) AS spread
FROM effective_scores AS scores JOIN weighed ON weighed.criterion = scores.criterion AND weighed.judge = scores.judge
