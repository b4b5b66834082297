-- A voice compared with the gold, one row per block of prompts. Counts pairs of responses that both have ordered: in the same
-- order (right), in opposite order (wrong), tied by one or by both; and, if the gold prefers one, whether that is the longer
-- (longer_right) or the shorter one (longer_wrong). For responses with points from both: their number, and sums of the points
-- (x the voice's, y the gold's), squares and products; and the same for the ranks of points, each centred on its prompt.
WITH pairs AS (
    SELECT one.prompt, one.lead AS mine, gold.lead AS gold, one.longer * gold.lead AS longer
    FROM audit_orders AS one JOIN audit_orders AS gold USING (prompt, a, b)
    WHERE one.voice = $voice AND gold.voice = $gold
),
orders AS (
    SELECT block, count(*) FILTER (mine * gold > 0) AS "right", count(*) FILTER (mine * gold < 0) AS wrong,
        count(*) FILTER (mine = 0 AND gold <> 0) AS tied, count(*) FILTER (mine <> 0 AND gold = 0) AS gold_tied,
        count(*) FILTER (mine = 0 AND gold = 0) AS both_tied,
        count(*) FILTER (longer > 0) AS longer_right, count(*) FILTER (longer < 0) AS longer_wrong
    FROM pairs JOIN audit_blocks USING (prompt) GROUP BY block
),
centred AS (
    SELECT prompt, one.points AS x, gold.points AS y,
        round(one.points - sum(one.points) OVER prompts / count(*) OVER prompts, 4) AS lead_x,
        round(gold.points - sum(gold.points) OVER prompts / count(*) OVER prompts, 4) AS lead_y
    FROM audit_points AS one JOIN audit_points AS gold USING (prompt, answer)
    WHERE one.voice = $voice AND gold.voice = $gold
    WINDOW prompts AS (PARTITION BY prompt)
),
ranked AS (
    SELECT prompt, x, y,
        rank() OVER (ORDER BY lead_x) + (count(*) OVER (PARTITION BY lead_x) - count(*) OVER ()) / 2 AS rank_x,
        rank() OVER (ORDER BY lead_y) + (count(*) OVER (PARTITION BY lead_y) - count(*) OVER ()) / 2 AS rank_y
    FROM centred
),
answers AS (
    SELECT block, count(*) AS answers, sum(x) AS x, sum(y) AS y, sum(x * x) AS xx, sum(y * y) AS yy, sum(x * y) AS xy,
        sum(rank_x) AS rank_x, sum(rank_y) AS rank_y, sum(rank_x * rank_x) AS rank_xx, sum(rank_y * rank_y) AS rank_yy,
        sum(rank_x * rank_y) AS rank_xy
    FROM ranked JOIN audit_blocks USING (prompt) GROUP BY block
)
SELECT coalesce(COLUMNS(* EXCLUDE block), 0)
FROM orders FULL JOIN answers USING (block)
ORDER BY block
