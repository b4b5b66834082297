-- Those of $prompts for which a judge has to write nothing down for a criterion any more, or has to for responses that are
-- there already.
SELECT prompt FROM notes
WHERE judge = $judge AND criterion = $criterion AND failure IS NULL AND prompt IN (SELECT unnest($prompts::VARCHAR[]))
UNION
SELECT prompt FROM judgeable
WHERE generator IN (SELECT unnest($generators::VARCHAR[])) AND failure IS NULL AND prompt IN (SELECT unnest($prompts::VARCHAR[]))
