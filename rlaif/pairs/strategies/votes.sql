-- A judge's direct comparisons: of two answers, the one preferred more often is chosen. Ties make no pair: neither two
-- answers that were preferred equally often, nor two for which more votes say that they are equal than that the chosen one
-- is better. At most $per_prompt pairs per prompt, drawn by the seed. Votes with a strength are weighted by it. A margin is
-- in votes, or a fraction of the scale if the judge or the strengths have one: the whole scale if every vote went fully one
-- way.
WITH votes AS (
    SELECT prompt, least(first, second) AS one, greatest(first, second) AS other,
        sum(if((preferred = 'first') = (first < second), strength, -strength)) AS votes,
        count(*) FILTER (preferred = 'tie') AS ties,
        count(*) FILTER (preferred <> 'tie' AND (preferred = 'first') = (first < second)) AS for_one,
        abs(votes) * CASE WHEN $denominator > 0 THEN $denominator::DECIMAL(38, 6) / count(*) WHEN $scaled THEN 1.0 / count(*)
            ELSE 1 END AS lead, count(*) - ties - for_one AS for_other
    FROM compared WHERE judge = $judge
    GROUP BY prompt, one, other
)
SELECT votes.prompt, chosen.response AS chosen, rejected.response AS rejected, CAST(votes.lead AS DECIMAL(38, 6)) AS lead
FROM votes
JOIN candidates AS chosen ON chosen.response = if(votes > 0, one, other)
JOIN candidates AS rejected ON rejected.response = if(votes > 0, other, one)
WHERE votes <> 0 AND if(votes > 0, for_one, for_other) >= ties AND NOT chosen.vetoed AND votes.lead >= $threshold
QUALIFY row_number() OVER (PARTITION BY votes.prompt ORDER BY xor(chosen.coin, rejected.coin), chosen.coin) <= $per_prompt
