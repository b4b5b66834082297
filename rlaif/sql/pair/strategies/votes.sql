-- A judge's direct comparisons: what it preferred is chosen, what it did not is rejected; ties make no pair, and neither
-- do two answers that were preferred to each other as often as not. At most $per_prompt a prompt, drawn by the seed.
WITH votes AS (
    SELECT prompt, least(first, second) AS one, greatest(first, second) AS other,
        sum(CASE WHEN preferred = 'tie' THEN 0 WHEN (preferred = 'first') = (first < second) THEN 1 ELSE -1 END) AS lead
    FROM comparisons WHERE judge = $judge AND first <> second
    GROUP BY prompt, one, other
)
SELECT votes.prompt, chosen.response AS chosen, rejected.response AS rejected, abs(votes.lead) AS lead
FROM votes
JOIN candidates AS chosen ON chosen.prompt = votes.prompt
    AND chosen.answer = CASE WHEN votes.lead > 0 THEN one ELSE other END
JOIN candidates AS rejected ON rejected.prompt = votes.prompt
    AND rejected.answer = CASE WHEN votes.lead > 0 THEN other ELSE one END
WHERE votes.lead <> 0 AND NOT chosen.vetoed AND abs(votes.lead) >= $threshold
QUALIFY row_number() OVER (PARTITION BY votes.prompt ORDER BY md5_number_lower($seed::VARCHAR || one || other)) <= $per_prompt
