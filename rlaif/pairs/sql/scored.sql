-- The scores that the pairing weighs, one row per answer and criterion.
CREATE OR REPLACE TEMP VIEW scored AS FROM averaged
