-- The positions of the staged prompts to keep: the first of those that differ only in case, spacing and punctuation. Only
-- positions are stored, because there may be millions.
CREATE OR REPLACE TEMP TABLE kept AS
SELECT min(position) AS position FROM staged_prompts GROUP BY normal_key
