-- Makes pending again what `failed_units` counts.
INSERT INTO retries BY NAME
SELECT unit, attempts
FROM failed_units
WHERE list_contains($makers::VARCHAR[], maker) AND list_contains($kinds::VARCHAR[], failure) AND attempts > forgiven;
