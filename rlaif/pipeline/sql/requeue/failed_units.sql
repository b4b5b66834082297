-- Units of these $makers (generators and judges) that failed in one of these $kinds, and were not asked for since they
-- were last owed again.
SELECT what, failure AS kind, count(*) AS units
FROM failed_units
WHERE list_contains($makers::VARCHAR[], maker) AND list_contains($kinds::VARCHAR[], failure) AND attempts > forgiven
GROUP BY what, failure
ORDER BY what, failure
