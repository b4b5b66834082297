-- The number of answers with different imported scores by one judge and criterion.
SELECT count(*) AS n
FROM (
    SELECT answer FROM scores SEMI JOIN (FROM judges WHERE spec = '{"kind": "imported"}') AS imported ON imported.key = judge
    GROUP BY answer, judge, criterion HAVING min(value) <> max(value)
)
