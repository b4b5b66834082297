-- Of equal texts to a prompt, one is the `first`: the candidate that represents all, finished if any of them is. Equal texts
-- have equal coins, which are fast to compare.
UPDATE answers SET first = same.first, finished = same.finished, vetoed = same.vetoed
FROM (
    SELECT answers.response, responses.key = min(responses.key) OVER texts AS first,
        bool_or(finished) OVER texts AS finished, bool_and(vetoed) OVER texts AS vetoed
    FROM answers JOIN responses ON responses.rowid = answers.response
    WHERE coin IN (SELECT coin FROM answers GROUP BY coin HAVING count(*) > 1)
    WINDOW texts AS (PARTITION BY responses.answer)
) AS same
WHERE same.response = answers.response;

-- The generators of the other copies of a `first` text: the text counts as theirs as well.
CREATE OR REPLACE TEMP TABLE copies AS
WITH twins AS (
    SELECT response, first, answer, generator
    FROM answers JOIN responses ON responses.rowid = response
    WHERE coin IN (SELECT coin FROM answers WHERE NOT first)
)
SELECT one.response, copy.generator
FROM twins AS one JOIN twins AS copy ON copy.answer = one.answer AND NOT copy.first
WHERE one.first
