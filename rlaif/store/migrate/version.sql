-- Records the schema version of the store's tables.
DELETE FROM meta WHERE name = 'schema';
INSERT INTO meta VALUES ('schema', $version);
