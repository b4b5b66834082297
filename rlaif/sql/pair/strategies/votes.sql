-- A judge's direct comparisons: of two answers, the one preferred more often is chosen. Ties make no pair: neither do two
-- answers that were preferred to each other equally often, nor two of which more votes say that they are equal than that the
-- chosen one is better. At most $per_prompt a prompt, drawn by the seed. A lead is in votes, or in parts of the scale where the
-- judge has one: all of it if every vote went one way.
WITH votes AS (
    SELECT prompt, least(first, second) AS one, greatest(first, second) AS other,
        sum(CASE WHEN preferred = 'tie' THEN 0 WHEN (preferred = 'first') = (first < second) THEN 1 ELSE -1 END) AS votes,
        count(*) FILTER (preferred = 'tie') AS ties, (count(*) - ties + abs(votes)) // 2 AS preferred,
        abs(votes) * if($denominator > 0, $denominator::DECIMAL(38, 6) / count(*), 1) AS lead
    FROM compared WHERE judge = $judge
    GROUP BY prompt, one, other
)
SELECT votes.prompt, chosen.response AS chosen, rejected.response AS rejected, CAST(votes.lead AS DECIMAL(38, 6)) AS lead
FROM votes
JOIN candidates AS chosen ON chosen.response = if(votes > 0, one, other)
JOIN candidates AS rejected ON rejected.response = if(votes > 0, other, one)
WHERE votes <> 0 AND votes.preferred >= ties AND NOT chosen.vetoed AND votes.lead >= $threshold
QUALIFY row_number() OVER (PARTITION BY votes.prompt ORDER BY xor(chosen.coin, rejected.coin), chosen.coin) <= $per_prompt
