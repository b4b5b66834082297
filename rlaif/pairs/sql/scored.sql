-- The scores that the pairing weighs: one an answer and criterion.
CREATE OR REPLACE TEMP VIEW scored AS FROM averaged
