-- One row if this judge has ever compared two answers.
SELECT judge FROM comparisons WHERE judge = $judge AND preferred IS NOT NULL LIMIT 1
