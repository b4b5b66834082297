-- What a strategy may read; nothing of it is computed unless it does. candidates: one row a distinct answer that has all
-- its scores and that no filter took out. marks: one row a candidate and criterion. texts: one row a candidate, its length in
-- characters.
CREATE OR REPLACE TEMP VIEW candidates AS
SELECT prompt, response, answer, points, spread, finished, vetoed, coin
FROM answers WHERE complete AND first AND filtered IS NULL;

CREATE OR REPLACE TEMP VIEW marks AS
SELECT candidates.prompt, candidates.response, weighed.name AS criterion, weighed.kind, weighed.weight, weighed.factor,
    weighed.low, weighed.high, scored.score
FROM candidates
JOIN scored ON scored.answer = candidates.answer
JOIN weighed ON weighed.criterion = scored.criterion;

CREATE OR REPLACE TEMP VIEW texts AS
SELECT candidates.prompt, candidates.response, coalesce(names.name, responses.generator) AS generator,
    responses.text, length(responses.text) AS length
FROM candidates
JOIN responses ON responses.key = candidates.response AND responses.failure IS NULL
LEFT JOIN (SELECT key, max(name) AS name FROM generators GROUP BY key) AS names ON names.key = responses.generator
