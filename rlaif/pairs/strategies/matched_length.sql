-- The widest margin between two responses of about the same length, so that pairs cannot teach length; at most $per_prompt
-- pairs per prompt.
-- $apart = 0.1: how far two lengths in characters may differ, as a share of the longer one.
-- $tokens = 1000000: how far two lengths in tokens may differ; OLMo 3 (arXiv 2512.13961) allows 100, with an `apart` of 1.
WITH measured AS (
    SELECT candidates.prompt, candidates.response, points, vetoed, coin, length, tokens
    FROM candidates JOIN texts ON texts.response = candidates.response
),
widest AS (
    SELECT better.prompt, unnest(max({
        'lead': better.points - worse.points, 'one': -better.coin, 'other': -worse.coin,
        'chosen': better.response, 'rejected': worse.response
    }, $per_prompt)) AS pair
    FROM measured AS better
    JOIN measured AS worse ON worse.prompt = better.prompt
        AND worse.points < better.points AND better.points - worse.points >= $threshold
        AND abs(better.length - worse.length) <= $apart * greatest(better.length, worse.length)
        AND abs(better.tokens - worse.tokens) <= $tokens
    WHERE NOT better.vetoed
    GROUP BY better.prompt
)
SELECT prompt, pair.chosen AS chosen, pair.rejected AS rejected, pair.lead AS lead FROM widest
