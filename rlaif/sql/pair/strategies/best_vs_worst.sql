-- The response with the most points against the one with the fewest. Right for up to about eight responses a prompt;
-- with many more, the worst of all teaches little (Xiao et al. 2025, arXiv 2502.16825).
WITH best AS (
    SELECT prompt, arg_max(response, (points, coin)) AS chosen, max(points) AS points
    FROM candidates WHERE NOT vetoed GROUP BY prompt
),
worst AS (
    SELECT prompt, arg_min(response, (points, coin)) AS rejected, min(points) AS points
    FROM candidates GROUP BY prompt
)
SELECT prompt, chosen, rejected, best.points - worst.points AS lead
FROM best JOIN worst USING (prompt)
WHERE lead > 0 AND lead >= $threshold
