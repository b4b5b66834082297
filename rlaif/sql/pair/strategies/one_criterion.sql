-- Responses that differ on one criterion and are equal on every other that has weight: what a pair teaches is that one
-- thing. The widest lead first, at most $per_prompt a prompt, none of a response twice on one side.
-- $criterion: the one that differs.
WITH named AS (SELECT coalesce(max(nth), 0) AS differs FROM weighed WHERE name = $criterion),
ends AS (
    SELECT prompt,
        arg_max(response, (points, coin)) FILTER (NOT vetoed) AS best, max(points) FILTER (NOT vetoed) AS most,
        arg_min(response, (points, coin)) AS worst, min(points) AS least, arg_min(coin, (points, coin)) AS coin
    FROM candidates, named
    GROUP BY prompt, list_filter(scores, lambda score, place: place <> differs)
)
SELECT prompt, best AS chosen, worst AS rejected, most - least AS lead
FROM ends WHERE lead > 0 AND lead >= $threshold
QUALIFY row_number() OVER (PARTITION BY prompt ORDER BY lead DESC, coin) <= $per_prompt
