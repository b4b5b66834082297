-- Responses that differ on one criterion and are equal on every other one with weight, so that a pair teaches only that
-- criterion. The widest margin first, at most $per_prompt pairs per prompt, no response twice on one side.
-- $criterion: the one that differs.
WITH named AS (SELECT coalesce(max(nth), 0) AS differs FROM weighed WHERE name = $criterion),
alike AS (
    SELECT prompt, response, points, vetoed, coin, list_filter(scores, lambda score, place: place <> differs) AS others
    FROM candidates, named
),
-- Most responses have no other that is equal on the other criteria; joining first drops them cheaply.
ends AS (
    SELECT better.prompt, max({
        'lead': better.points - worse.points, 'one': better.coin, 'other': -worse.coin,
        'chosen': better.response, 'rejected': worse.response
    }) AS pair
    FROM alike AS better
    JOIN alike AS worse ON worse.prompt = better.prompt AND worse.others = better.others
        AND worse.points < better.points AND better.points - worse.points >= $threshold
    WHERE NOT better.vetoed
    GROUP BY better.prompt, better.others
)
SELECT prompt, pair.chosen AS chosen, pair.rejected AS rejected, pair.lead AS lead FROM ends
QUALIFY row_number() OVER (PARTITION BY prompt ORDER BY lead DESC, pair.other DESC) <= $per_prompt
