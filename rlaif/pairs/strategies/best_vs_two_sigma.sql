-- The response with the most points against the one nearest to two standard deviations below the prompt's mean: with many
-- responses, better than using the very worst (Xiao et al. 2025, arXiv 2502.16825).
-- $sigmas = 2: how many standard deviations below the mean.
WITH best AS (
    SELECT prompt, arg_max(response, (points, coin)) AS chosen, max(points) AS points
    FROM candidates WHERE NOT vetoed GROUP BY prompt
),
-- Points are sorted, because sums of doubles depend on their order.
lists AS (
    SELECT prompt, list_sort(list(points::DOUBLE)) AS points, (sum(points) / count(*))::DOUBLE AS mean
    FROM candidates GROUP BY prompt
),
aims AS (
    SELECT prompt, mean - $sigmas * sqrt(list_sum(list_transform(points, lambda each: (each - mean) ** 2)) / len(points)) AS aim
    FROM lists
),
low AS (
    SELECT candidates.prompt, any_value(chosen) AS chosen, any_value(best.points) AS points,
        arg_min({'response': response, 'points': candidates.points},
            (abs(candidates.points::DOUBLE - aim), coin)) AS nearest
    FROM candidates JOIN best ON best.prompt = candidates.prompt
        AND candidates.points < best.points AND best.points - candidates.points >= $threshold
    JOIN aims ON aims.prompt = candidates.prompt
    GROUP BY candidates.prompt
)
SELECT prompt, chosen, nearest.response AS rejected, points - nearest.points AS lead FROM low
