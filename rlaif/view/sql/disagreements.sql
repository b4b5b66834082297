-- The pairs of a pairing on which judges disagree: a judge, a person or an imported vote prefers the rejected response. A judge
-- prefers the response with the larger mean over its criteria, in hundredths of their scales. The single judge that made the
-- pairs agrees with them by definition; of several, each one may disagree.
WITH mine AS (
    SELECT pairs.chosen, pairs.rejected, one.answer AS first, two.answer AS second
    FROM pairs
    JOIN (SELECT DISTINCT key, answer FROM responses WHERE failure IS NULL) AS one ON one.key = pairs.chosen
    JOIN (SELECT DISTINCT key, answer FROM responses WHERE failure IS NULL) AS two ON two.key = pairs.rejected
    WHERE pairing = $pairing
),
others AS (
    SELECT DISTINCT judge FROM scores
    ANTI JOIN (
        SELECT any_value(judge) AS judge FROM pairing_judges WHERE pairing = $pairing HAVING count(*) = 1
    ) AS single ON single.judge = scores.judge
),
points AS (
    SELECT answer, judge, avg((score - low) / (high - low)) AS points
    FROM latest_scores AS scores JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria
        ON criteria.key = scores.criterion
    WHERE score IS NOT NULL AND judge IN (FROM others)
    GROUP BY answer, judge
)
SELECT chosen, rejected
FROM mine JOIN points AS one ON one.answer = mine.first JOIN points AS two ON two.answer = mine.second AND two.judge = one.judge
WHERE one.points < two.points - 1e-9
UNION
SELECT chosen, rejected
FROM mine JOIN comparisons ON comparisons.first = mine.first AND comparisons.second = mine.second
WHERE preferred = 'second' AND verdict IS NULL
UNION
SELECT chosen, rejected
FROM mine JOIN comparisons ON comparisons.first = mine.second AND comparisons.second = mine.first
WHERE preferred = 'first' AND verdict IS NULL
