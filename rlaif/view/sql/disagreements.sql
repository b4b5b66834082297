-- The pairs of a pairing on which judges disagree: one of the judges $others, a person or an imported vote prefers the rejected
-- response. A judge prefers the response with the larger mean over its criteria, in hundredths of their scales.
WITH mine AS (
    SELECT place, one.answer AS first, two.answer AS second
    FROM indexed JOIN responses AS one ON one.rowid = chosen_row JOIN responses AS two ON two.rowid = rejected_row
),
points AS (
    SELECT answer, judge, avg((score - low) / (high - low)) AS points
    FROM latest_scores AS scores JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria
        ON criteria.key = scores.criterion
    WHERE score IS NOT NULL AND list_contains($others::VARCHAR[], judge)
    GROUP BY answer, judge
)
SELECT place
FROM mine JOIN points AS one ON one.answer = mine.first JOIN points AS two ON two.answer = mine.second AND two.judge = one.judge
WHERE one.points < two.points - 1e-9
UNION
SELECT place
FROM mine JOIN comparisons ON comparisons.first = mine.first AND comparisons.second = mine.second
WHERE preferred = 'second' AND verdict IS NULL
UNION
SELECT place
FROM mine JOIN comparisons ON comparisons.first = mine.second AND comparisons.second = mine.first
WHERE preferred = 'first' AND verdict IS NULL
