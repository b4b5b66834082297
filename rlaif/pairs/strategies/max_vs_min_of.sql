-- The response with the most points of all against the one with the fewest of a few others drawn by the seed: for many
-- responses per prompt, where the very worst teaches little (Xiao et al. 2025, arXiv 2502.16825).
-- $of = 5: how many others are drawn.
WITH tops AS (
    -- One more is drawn, because the best may be among them; DuckDB draws fewer than a million at once.
    SELECT prompt, arg_max(response, (points, coin)) FILTER (NOT vetoed) AS chosen, max(points) FILTER (NOT vetoed) AS most,
        min({'coin': coin, 'points': points, 'response': response}, 1 + greatest(0, least($of, 99999))::BIGINT) AS drawn
    FROM candidates GROUP BY prompt
),
worst AS (
    SELECT prompt, chosen, most, list_min(list_transform(
        list_filter(drawn, lambda other: other.response <> chosen)[:greatest(0, $of)::BIGINT],
        lambda other: {'points': other.points, 'coin': other.coin, 'response': other.response}
    )) AS other
    FROM tops
)
SELECT prompt, chosen, other.response AS rejected, most - other.points AS lead
FROM worst WHERE lead > 0 AND lead >= $threshold
