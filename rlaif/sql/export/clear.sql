-- Frees what an export was made from.
DROP VIEW export;
DROP TABLE pair_texts;
DROP TABLE IF EXISTS lists;
