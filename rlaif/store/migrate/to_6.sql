-- Migrates a store from schema 5 to schema 6: pairings are numbered in the order in which they were made (existing ones by
-- time, then by key), each response records the newest pairing that was made before it, and the versions in use are
-- recorded.
ALTER TABLE pairings ADD COLUMN number UBIGINT;
ALTER TABLE pairings ADD COLUMN facts VARCHAR;
UPDATE pairings SET number = counted.number
FROM (SELECT key, row_number() OVER (ORDER BY created NULLS FIRST, key) AS number FROM pairings) AS counted
WHERE counted.key = pairings.key;
ALTER TABLE responses ADD COLUMN kept_after UBIGINT;
-- A column of schema 7: DuckDB 1.5 cannot alter a table after an update in the same transaction.
ALTER TABLE responses ADD COLUMN reasoning VARCHAR;
UPDATE responses SET kept_after = earlier.number
FROM (
    SELECT moments.created, pairings.number
    FROM (SELECT DISTINCT created FROM responses WHERE created IS NOT NULL) AS moments
    ASOF JOIN (FROM pairings WHERE created IS NOT NULL) AS pairings ON moments.created > pairings.created
) AS earlier
WHERE earlier.created = responses.created;
CREATE TABLE in_use (what VARCHAR, name VARCHAR, key VARCHAR, criterion VARCHAR);
-- Rename tables to the terms of the field.
ALTER TABLE asks RENAME TO rendered_prompts;
ALTER TABLE asides RENAME TO auxiliary_calls;
ALTER TABLE remarks RENAME TO server_observations;
ALTER TABLE served RENAME TO served_models;
ALTER TABLE collected RENAME TO active_prompts;
ALTER TABLE top_ups RENAME TO extra_samples;
ALTER TABLE passed_on RENAME TO cascade_escalations;
ALTER TABLE work RENAME TO stage_runs;
