-- Generators that gave responses here, judges that gave verdicts, and all criteria; not those whose work came with a source.
SELECT 'generator' AS what, key, name FROM generators SEMI JOIN responses ON generator = generators.key
WHERE spec <> '{"kind": "imported"}'
UNION SELECT 'judge', key, name FROM judges SEMI JOIN verdicts ON judge = judges.key WHERE spec <> '{"kind": "imported"}'
UNION SELECT 'criterion', key, name FROM criteria
