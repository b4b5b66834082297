-- The response with the most points against a random one with fewer points, drawn by the seed: gives varied rejected
-- responses (Tülu 3, arXiv 2411.15124).
WITH best AS (
    SELECT prompt, arg_max(response, (points, coin)) AS chosen, max(points) AS points
    FROM candidates WHERE NOT vetoed GROUP BY prompt
),
lower AS (
    SELECT candidates.prompt, arg_min({'response': candidates.response, 'points': candidates.points}, coin) AS drawn
    FROM candidates JOIN best ON best.prompt = candidates.prompt
        AND candidates.points < best.points AND best.points - candidates.points >= $threshold
    GROUP BY candidates.prompt
)
SELECT prompt, chosen, drawn.response AS rejected, best.points - drawn.points AS lead
FROM best JOIN lower USING (prompt)
