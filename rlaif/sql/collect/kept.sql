-- The staged prompts that are kept: of those that differ only in case, spacing and punctuation, the first.
CREATE OR REPLACE TEMP TABLE kept AS
SELECT normal_key, arg_min(key, position) AS key, min(position) AS position
FROM read_parquet($folder || '/prompts.parquet')
GROUP BY normal_key
