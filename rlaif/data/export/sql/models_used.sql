-- Generators and judges of a pairing, including judges asked to agree, with their specifications.
SELECT DISTINCT 'generator' AS role, names.name, generators.spec
FROM pairings JOIN generators ON list_contains(json_extract_string(pairings.spec, '$.generators[*]'), generators.key)
JOIN generator_names AS names ON names.key = generators.key
WHERE pairings.key = $pairing
UNION ALL
SELECT DISTINCT CASE WHEN mix IS NULL THEN 'judge' WHEN mix = 'cascade' THEN 'judge ' || place || ' of a cascade,'
    ELSE 'judge, one of several by their ' || mix || ',' END, judges.name, judges.spec
FROM pairing_judges JOIN judges ON judges.key = pairing_judges.judge
WHERE pairing = $pairing
UNION ALL
SELECT DISTINCT 'judge asked to agree', judges.name, judges.spec
FROM pairings JOIN judges ON list_contains(json_extract_string(pairings.spec, '$.agree[*]'), judges.key)
WHERE pairings.key = $pairing
ORDER BY role, name, spec
