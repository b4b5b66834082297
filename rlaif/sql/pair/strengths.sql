-- Where the strengths that are fitted to comparisons go, beside the candidates to be.
CREATE OR REPLACE TEMP TABLE strengths (answer VARCHAR, points DECIMAL(38, 6))
