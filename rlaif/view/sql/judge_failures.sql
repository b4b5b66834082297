-- Failed judgements by judge and kind, most frequent first, with the reply of one of them, cut after $most characters, and its
-- prompt.
WITH kinds AS (
    SELECT judge, failure, count(*) AS n, min(key) AS example FROM verdicts WHERE failure IS NOT NULL GROUP BY judge, failure
)
SELECT coalesce(names.name, kinds.judge) AS judge, kinds.failure AS kind, n, left(verdicts.raw, $most) AS raw,
    verdicts.detail, said.prompt
FROM kinds
JOIN verdicts ON verdicts.key = kinds.example
LEFT JOIN (SELECT key, max(name) AS name FROM judges GROUP BY key) AS names ON names.key = kinds.judge
LEFT JOIN (SELECT answer, min(prompt) AS prompt FROM responses GROUP BY answer) AS said ON said.answer = verdicts.answer
ORDER BY n DESC, judge, kind
