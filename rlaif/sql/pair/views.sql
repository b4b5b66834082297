-- What a strategy may read beside `candidates`; nothing of it is computed unless it does.
-- marks: one row a candidate and criterion. texts: one row a candidate, its length in characters.
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
