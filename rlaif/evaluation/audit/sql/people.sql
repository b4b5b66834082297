-- Judges whose scores or votes were imported or come from a person, people first.
SELECT name, key, (spec::JSON ->> '$.kind') = 'human' AS human
FROM judges WHERE (spec::JSON ->> '$.kind') IN ('imported', 'human')
QUALIFY row_number() OVER (PARTITION BY key ORDER BY rowid) = 1
ORDER BY human DESC, key IN (SELECT judge FROM comparisons) DESC, rowid
