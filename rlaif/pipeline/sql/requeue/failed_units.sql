-- Units of these $makers (generators and judges) that failed in one of these $kinds and have been tried since they were last
-- requeued.
SELECT what, failure AS kind, count(*) AS units
FROM failed_units
WHERE list_contains($makers::VARCHAR[], maker) AND list_contains($kinds::VARCHAR[], failure) AND attempts > forgiven
GROUP BY what, failure
ORDER BY what, failure
