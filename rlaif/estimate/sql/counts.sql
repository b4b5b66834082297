-- How many things (claims, key points, items) a judge has counted in a response on the mean, by criterion, where it has
-- in $enough.
SELECT criterion, (count(*) FILTER (outcome <> 'none') / count(DISTINCT verdict))::DOUBLE AS things
FROM findings WHERE judge = $judge
GROUP BY criterion HAVING count(DISTINCT verdict) >= $enough
