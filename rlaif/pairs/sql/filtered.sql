-- The candidates that the filters drop, each with its reason; a null response means the whole prompt.
CREATE OR REPLACE TEMP TABLE filtered (prompt BIGINT, response BIGINT, reason VARCHAR)
