-- The judges that can disagree with a pairing. The single judge that made the pairs agrees with them by definition; of several,
-- each one may disagree.
SELECT DISTINCT judge FROM scores
ANTI JOIN (
    SELECT any_value(judge) AS judge FROM pairing_judges WHERE pairing = $pairing HAVING count(*) = 1
) AS single ON single.judge = scores.judge
