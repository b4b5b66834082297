-- Frees what an export was made from.
DROP VIEW memory.export;
DROP TABLE memory.pair_texts;
DROP TABLE IF EXISTS memory.lists;
