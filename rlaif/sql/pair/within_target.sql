-- Leaves $target of the pairs in `made`, drawn by the seed and nothing else; `surplus` holds the others.
CREATE OR REPLACE TEMP TABLE surplus AS
FROM made
QUALIFY row_number() OVER (ORDER BY md5_number_lower($seed::VARCHAR || chosen || rejected), chosen, rejected) > $target;
DELETE FROM made WHERE (chosen, rejected) IN (SELECT (chosen, rejected) FROM surplus);
