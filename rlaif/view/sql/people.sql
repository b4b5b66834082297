-- The people who have voted, and how often.
SELECT substr(judges.name, length('human:') + 1) AS name, count(*) AS votes
FROM comparisons JOIN (SELECT key, max(name) AS name FROM judges GROUP BY key) AS judges ON judges.key = comparisons.judge
WHERE starts_with(judges.name, 'human:')
GROUP BY judges.name
ORDER BY votes DESC, name
