-- The response with the most points of all against the one with the fewest of a few others drawn by the seed: for many
-- responses a prompt, where the very worst teaches little (Xiao et al. 2025, arXiv 2502.16825).
-- $of = 5: how many others are drawn.
WITH best AS (
    SELECT prompt, arg_max(response, (points, coin)) AS chosen, max(points) AS points
    FROM candidates WHERE NOT vetoed GROUP BY prompt
),
drawn AS (
    SELECT candidates.prompt, response, candidates.points, coin
    FROM candidates JOIN best ON best.prompt = candidates.prompt AND response <> chosen
    QUALIFY row_number() OVER (PARTITION BY candidates.prompt ORDER BY coin) <= $of
),
worst AS (
    SELECT prompt, arg_min(response, (points, coin)) AS rejected, min(points) AS points FROM drawn GROUP BY prompt
)
SELECT prompt, chosen, rejected, best.points - worst.points AS lead
FROM best JOIN worst USING (prompt)
WHERE lead > 0 AND lead >= $threshold
