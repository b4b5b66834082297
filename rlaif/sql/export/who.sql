-- Who made and judged what a pairing rests on: generators and the judge with their specifications, newest names last.
SELECT DISTINCT 'generator' AS role, generators.name, generators.spec
FROM pairings JOIN generators ON list_contains(json_extract_string(pairings.spec, '$.generators[*]'), generators.key)
WHERE pairings.key = $pairing
UNION ALL
SELECT DISTINCT 'judge', judges.name, judges.spec
FROM pairings JOIN judges ON judges.key = pairings.spec ->> '$.judge'
WHERE pairings.key = $pairing
ORDER BY role, name, spec
