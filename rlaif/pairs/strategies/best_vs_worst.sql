-- The response with the most points against the one with the fewest. Suits up to about eight responses per prompt; with many
-- more, the very worst teaches little (Xiao et al. 2025, arXiv 2502.16825).
WITH ends AS (
    SELECT prompt, arg_max(response, (points, coin)) FILTER (NOT vetoed) AS chosen, max(points) FILTER (NOT vetoed) AS most,
        arg_min(response, (points, coin)) AS rejected, min(points) AS least
    FROM candidates GROUP BY prompt
)
SELECT prompt, chosen, rejected, most - least AS lead FROM ends
WHERE lead > 0 AND lead >= $threshold
