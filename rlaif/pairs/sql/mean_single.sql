-- What the pairing's judge gave each answer by each criterion, and how that is weighed, where it judged everything once:
-- nothing to take a mean of. `spread` is the standard deviation over the judge's score tokens; a program's score has none,
-- and is exact.
CREATE OR REPLACE TEMP VIEW averaged AS
SELECT answer, weighed.*, score, if(exact, 0, spread)::DECIMAL(18, 6) AS spread
FROM told JOIN weighed ON weighed.criterion = told.criterion AND weighed.judge = told.judge
