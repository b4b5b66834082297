-- The judges whose scores make the pairs, one row per judge and criterion: `criterion` is the judge's, on its scale from low
-- to high; `mixed` is the pairing's criterion that it counts as, from lowest to highest; `judges` is the number of judges
-- that have it, `place` the judge's position.
CREATE OR REPLACE TEMP TABLE panel AS
SELECT unnest($panel::STRUCT(place INTEGER, judge VARCHAR, criterion VARCHAR, mixed VARCHAR, weight DOUBLE,
    low DECIMAL(18, 6), high DECIMAL(18, 6), lowest DECIMAL(18, 6), highest DECIMAL(18, 6), judges INTEGER)[], recursive := true)
