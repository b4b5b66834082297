-- Writes down by which version's rules the store's tables are made.
DELETE FROM meta WHERE name = 'schema';
INSERT INTO meta VALUES ('schema', $version);
