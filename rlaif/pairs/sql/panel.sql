-- Whose scores make the pairs, one row a judge and criterion: `criterion` is the judge's own on its own scale, low to high;
-- `mixed` is what it counts as among the pairing's, lowest to highest; `judges` is how many have it, `place` the judge's own.
CREATE OR REPLACE TEMP TABLE panel AS
SELECT unnest($panel::STRUCT(place INTEGER, judge VARCHAR, criterion VARCHAR, mixed VARCHAR, weight DOUBLE,
    low DECIMAL(18, 6), high DECIMAL(18, 6), lowest DECIMAL(18, 6), highest DECIMAL(18, 6), judges INTEGER)[], recursive := true)
