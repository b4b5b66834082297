-- Generators with responses in this store, judges with verdicts, and all criteria; without imported generators and judges.
SELECT 'generator' AS what, key, name FROM generators SEMI JOIN responses ON generator = generators.key
WHERE spec <> '{"kind": "imported"}'
UNION SELECT 'judge', key, name FROM judges SEMI JOIN verdicts ON judge = judges.key WHERE spec <> '{"kind": "imported"}'
UNION SELECT 'criterion', key, name FROM criteria
