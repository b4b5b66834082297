-- A part of `contests`, to bound memory.
SELECT judge, criterion, bouts FROM contests WHERE place > $begin AND place <= $end ORDER BY place
