-- Leaves $target of the pairs that are kept (all, where it is null), drawn by the seed and nothing else; `surplus` holds
-- the others.
CREATE OR REPLACE TEMP TABLE surplus AS
FROM judged WHERE kept AND $target::BIGINT IS NOT NULL
QUALIFY row_number() OVER (ORDER BY md5_number_lower($seed::VARCHAR || chosen || rejected), chosen, rejected) > $target::BIGINT;
DELETE FROM judged WHERE (chosen, rejected) IN (SELECT (chosen, rejected) FROM surplus);
