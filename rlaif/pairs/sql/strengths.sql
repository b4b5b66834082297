-- The strengths that were fitted for a pairing.
CREATE OR REPLACE TEMP TABLE fitted AS
SELECT judge, criterion, answer, points, score, spread FROM strengths WHERE pairing = $pairing
