-- How much a vote on two responses can tell: `disagreement` is large if judges are far apart on which one is better, in
-- hundredths of the scales (pairwise judges count as 100), and 0 if all agree; `confidence` and `margin` are those of the newest
-- pairing. Pairs of responses without any of these are absent.
CREATE OR REPLACE TEMP VIEW informative AS
WITH scored AS (
    SELECT prompt, answer, judge, points
    FROM judge_points JOIN (SELECT answer, min(prompt) AS prompt FROM responses WHERE failure IS NULL GROUP BY answer) USING (answer)
),
leads AS (
    SELECT one.answer AS a, two.answer AS b, one.points - two.points AS lead
    FROM scored AS one JOIN scored AS two ON two.prompt = one.prompt AND two.judge = one.judge AND two.answer > one.answer
    UNION ALL
    SELECT least(first, second), greatest(first, second), if((preferred = 'first') = (first < second), 100, -100)
    FROM comparisons WHERE preferred IN ('first', 'second')
),
disputed AS (
    SELECT a, b, greatest(least(max(lead), -min(lead)), 0) AS disagreement FROM leads GROUP BY a, b
),
labelled AS (
    SELECT least(one.answer, two.answer) AS a, greatest(one.answer, two.answer) AS b, min(confidence) AS confidence, min(margin) AS margin
    FROM pairs
    JOIN responses AS one ON one.key = pairs.chosen AND one.failure IS NULL
    JOIN responses AS two ON two.key = pairs.rejected AND two.failure IS NULL
    WHERE pairing = (SELECT key FROM newest_pairing)
    GROUP BY ALL
)
SELECT a, b, coalesce(disagreement, 0) AS disagreement, confidence, margin FROM disputed FULL JOIN labelled USING (a, b)
