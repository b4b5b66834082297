-- The chosen response is no worse on any criterion with weight and better in total, so that the sum hides no trade-off. The
-- widest margin first, at most $per_prompt pairs per prompt.
WITH widest AS (
    SELECT better.prompt, unnest(max({
        'lead': better.points - worse.points, 'one': -better.coin, 'other': -worse.coin,
        'chosen': better.response, 'rejected': worse.response
    }, $per_prompt)) AS pair
    FROM candidates AS better
    JOIN candidates AS worse ON worse.prompt = better.prompt
        AND worse.points < better.points AND better.points - worse.points >= $threshold
        AND list_bool_and(list_transform(better.scores, lambda score, place: score >= worse.scores[place]))
    WHERE NOT better.vetoed
    GROUP BY better.prompt
)
SELECT prompt, pair.chosen AS chosen, pair.rejected AS rejected, pair.lead AS lead FROM widest
