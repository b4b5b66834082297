-- The same if the judge also compared: strengths from comparisons are scores like any other.
CREATE OR REPLACE TEMP VIEW scored AS
FROM averaged
UNION ALL
SELECT answer, weighed.*, score, fitted.spread
FROM fitted JOIN weighed ON weighed.criterion = fitted.criterion AND weighed.judge = fitted.judge
