-- What the filters take out of the candidates, each with its reason; a null response is the whole prompt.
CREATE OR REPLACE TEMP TABLE filtered (prompt BIGINT, response BIGINT, reason VARCHAR)
