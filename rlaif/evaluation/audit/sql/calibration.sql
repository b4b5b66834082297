-- Accuracy of a voice by its margin: pairs that both it and the gold order, in up to four bins of similar size; one row per
-- bin and block of prompts.
WITH pairs AS (
    SELECT prompt, one.margin, one.lead = gold.lead AS "right"
    FROM audit_orders AS one JOIN audit_orders AS gold USING (prompt, a, b)
    WHERE one.voice = $voice AND gold.voice = $gold AND one.lead <> 0 AND gold.lead <> 0
),
edges AS (SELECT quantile_disc(margin, [0.25, 0.5, 0.75]) AS edges FROM pairs),
binned AS (
    SELECT *, (margin > edges[1])::INT + (margin > edges[2])::INT + (margin > edges[3])::INT AS bin FROM pairs, edges
)
SELECT bin, min(min(margin)) OVER (PARTITION BY bin) AS low, max(max(margin)) OVER (PARTITION BY bin) AS high,
    count(*) FILTER ("right") AS "right", count(*) AS pairs
FROM binned JOIN audit_blocks USING (prompt)
GROUP BY bin, block
ORDER BY bin, block
