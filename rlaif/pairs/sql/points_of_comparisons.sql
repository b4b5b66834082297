-- The same for a judge that gives votes that came with the data: points are the strengths that were fitted to them.
CREATE OR REPLACE TEMP VIEW answer_points AS
SELECT answer, points, 0::UBIGINT AS bits, false AS below_floor, false AS repeated,
    NULL::DECIMAL(18, 6)[] AS scores
FROM fitted
