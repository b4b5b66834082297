-- Who made and judged what a pairing rests on: generators, the judge, and those asked to agree, with their specifications.
SELECT DISTINCT 'generator' AS role, generators.name, generators.spec
FROM pairings JOIN generators ON list_contains(json_extract_string(pairings.spec, '$.generators[*]'), generators.key)
WHERE pairings.key = $pairing
UNION ALL
SELECT DISTINCT if(judges.key = pairings.spec ->> '$.judge', 'judge', 'judge asked to agree'), judges.name, judges.spec
FROM pairings JOIN judges ON judges.key = pairings.spec ->> '$.judge'
    OR list_contains(json_extract_string(pairings.spec, '$.agree[*]'), judges.key)
WHERE pairings.key = $pairing
ORDER BY role, name, spec
