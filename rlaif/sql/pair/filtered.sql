-- What the filters take out of the candidates, each with its reason; a null answer is the whole prompt.
CREATE OR REPLACE TEMP TABLE filtered (prompt VARCHAR, answer VARCHAR, reason VARCHAR)
