-- One response of the named generator and one of another, in the direction with the wider margin: the model in training
-- against other models (as Tülu 3 mixes on-policy responses in, arXiv 2411.15124). In a run with rounds, the models of all
-- rounds count as the named generator. A text that both wrote belongs to both; if both directions reject it by the same
-- margin, the named generator's response is chosen.
-- $generator: the name of the generator that is compared with the others.
WITH mine AS (
    SELECT key FROM generators GROUP BY key HAVING max(name) = $generator OR starts_with(max(name), $generator || ', round ')
    UNION ALL SELECT $generator
),
written AS (
    SELECT response, prompt, points, vetoed, coin, generator IN (SELECT key FROM mine) AS own
    FROM (
        SELECT candidates.*, generator FROM candidates JOIN responses ON responses.rowid = candidates.response
        UNION ALL SELECT candidates.*, generator FROM candidates JOIN copies ON copies.response = candidates.response
    )
),
ends AS (
    SELECT prompt, own,
        arg_max(response, (points, coin)) FILTER (NOT vetoed) AS best, max(points) FILTER (NOT vetoed) AS most,
        arg_min(response, (points, coin)) AS worst, min(points) AS least, arg_min(coin, (points, coin)) AS coin
    FROM written GROUP BY prompt, own
)
SELECT one.prompt, one.best AS chosen, other.worst AS rejected, one.most - other.least AS lead
FROM ends AS one JOIN ends AS other ON other.prompt = one.prompt AND other.own <> one.own
WHERE lead > 0 AND lead >= $threshold
QUALIFY row_number() OVER (PARTITION BY one.prompt ORDER BY lead DESC, other.coin, one.own DESC) = 1
