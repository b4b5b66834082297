-- Which judge of a cascade left the prompt to which, in that order, and by what lead of the best response.
SELECT coalesce(earlier.name, before) AS before, coalesce(later.name, judge) AS judge, lead::DOUBLE AS lead
FROM passed_on
LEFT JOIN (SELECT key, min(name) AS name FROM judges GROUP BY key) AS earlier ON earlier.key = before
LEFT JOIN (SELECT key, min(name) AS name FROM judges GROUP BY key) AS later ON later.key = judge
WHERE prompt = $prompt
ORDER BY passed_on.rowid
