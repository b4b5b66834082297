-- The responses $responses with their texts and the names of their generators.
SELECT responses.key, text, coalesce(names.name, generator) AS generator
FROM responses LEFT JOIN generator_names AS names ON names.key = generator
WHERE responses.key IN (SELECT unnest($responses::VARCHAR[])) AND failure IS NULL
