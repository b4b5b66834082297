-- The same for a judge that compared answers two by two: points are the strengths that were fitted to its comparisons.
CREATE OR REPLACE TEMP VIEW pointed AS
SELECT answer, points, 0::UBIGINT AS bits, NULL::UBIGINT AS told, NULL AS variance, false AS below_floor, false AS repeated
FROM strengths
