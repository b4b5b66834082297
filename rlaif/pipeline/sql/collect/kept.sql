-- The positions of the staged prompts that are kept: of those that differ only in case, spacing and punctuation, the
-- first. Positions alone, because there may be millions.
CREATE OR REPLACE TEMP TABLE kept AS
SELECT min(position) AS position FROM staged_prompts GROUP BY normal_key
