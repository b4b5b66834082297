-- Migrates a store from schema 6 to schema 7: reasoning is stored apart from responses and verdicts.
ALTER TABLE responses ADD COLUMN IF NOT EXISTS reasoning VARCHAR;
ALTER TABLE verdicts ADD COLUMN reasoning VARCHAR;
