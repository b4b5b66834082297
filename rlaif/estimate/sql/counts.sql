-- The mean number of things (claims, key points, items) that a judge has counted in a response, by criterion, if it has
-- counted them in at least $enough responses.
SELECT criterion, (count(*) FILTER (outcome <> 'none') / count(DISTINCT verdict))::DOUBLE AS things
FROM findings WHERE judge = $judge
GROUP BY criterion HAVING count(DISTINCT verdict) >= $enough
