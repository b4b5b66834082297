-- Drops the temporary tables of an export.
DROP VIEW memory.export;
DROP TABLE memory.pair_texts;
DROP TABLE IF EXISTS memory.lists;
