-- One response of the named generator and one of another, whichever way round leads more: the model in training against
-- its peers (as Tülu 3 mixes on-policy answers in, arXiv 2411.15124). In a run with rounds, each round's model is it. A
-- text that both wrote is of both.
-- $generator: the name of the generator whose responses are the own ones.
WITH written AS (
    SELECT candidates.prompt, candidates.response, points, vetoed, coin,
        generator = $generator OR starts_with(generator, $generator || ', round ') AS own
    FROM candidates JOIN writers ON writers.response = candidates.response
),
ends AS (
    SELECT prompt, own,
        arg_max((response, points), (points, coin)) FILTER (NOT vetoed) AS best,
        arg_min((response, points, coin), (points, coin)) AS worst
    FROM written GROUP BY prompt, own
)
SELECT one.prompt, one.best[1] AS chosen, other.worst[1] AS rejected, one.best[2] - other.worst[2] AS lead
FROM ends AS one JOIN ends AS other ON other.prompt = one.prompt AND other.own <> one.own
WHERE lead > 0 AND lead >= $threshold
QUALIFY row_number() OVER (PARTITION BY one.prompt ORDER BY lead DESC, other.worst[3]) = 1
