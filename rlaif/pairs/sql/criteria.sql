-- The criteria that a judge has scored, equally weighted; for judges that came with the data.
SELECT DISTINCT criteria.key, criteria.name, 1.0::DOUBLE AS weight, criteria.low, criteria.high, NULL AS floor,
    criteria.kind
FROM criteria SEMI JOIN (SELECT criterion FROM scores WHERE judge = $judge) AS scored ON scored.criterion = criteria.key
ORDER BY criteria.name
