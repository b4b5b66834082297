-- A part of `contests`, so that they need not be in memory all at once.
SELECT judge, criterion, bouts FROM contests WHERE place > $begin AND place <= $end ORDER BY place
