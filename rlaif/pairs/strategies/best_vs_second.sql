-- The response with the most points against the best one with fewer points: small, hard differences.
WITH best AS (
    SELECT prompt, arg_max(response, (points, coin)) AS chosen, max(points) AS points
    FROM candidates WHERE NOT vetoed GROUP BY prompt
),
second AS (
    SELECT candidates.prompt, arg_max(candidates.response, (candidates.points, coin)) AS rejected,
        max(candidates.points) AS points
    FROM candidates JOIN best ON best.prompt = candidates.prompt
        AND candidates.points < best.points AND best.points - candidates.points >= $threshold
    GROUP BY candidates.prompt
)
SELECT prompt, chosen, rejected, best.points - second.points AS lead
FROM best JOIN second USING (prompt)
