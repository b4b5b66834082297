-- Whether one of these $judges has an expected value for some of its scores by a criterion and none for others.
SELECT judge FROM scores
WHERE value IS NOT NULL AND judge IN (SELECT unnest($judges::VARCHAR[]))
    AND EXISTS (SELECT 1 FROM scores WHERE expected IS NOT NULL)
GROUP BY judge, criterion HAVING count(expected) NOT IN (0, count(*))
LIMIT 1
