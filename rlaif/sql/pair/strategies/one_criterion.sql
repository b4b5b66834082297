-- Responses that differ on one criterion and are equal on every other that has weight: what a pair teaches is that one
-- thing. The widest lead first, at most $per_prompt a prompt, none of a response twice on one side.
-- $criterion: the one that differs.
WITH others AS (
    SELECT response, list(score ORDER BY criterion) FILTER (criterion <> $criterion) AS others
    FROM marks WHERE weight > 0 GROUP BY response
),
ends AS (
    SELECT candidates.prompt,
        arg_max((candidates.response, points), (points, coin)) FILTER (NOT vetoed) AS best,
        arg_min((candidates.response, points, coin), (points, coin)) AS worst
    FROM candidates JOIN others ON others.response = candidates.response
    GROUP BY candidates.prompt, others.others
)
SELECT prompt, best[1] AS chosen, worst[1] AS rejected, best[2] - worst[2] AS lead
FROM ends WHERE lead > 0 AND lead >= $threshold
QUALIFY row_number() OVER (PARTITION BY prompt ORDER BY lead DESC, worst[3]) <= $per_prompt
