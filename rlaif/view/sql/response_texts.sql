-- The responses $responses with their texts and the names of their generators. Row numbers are found first, because DuckDB would
-- read all texts for a join by key.
WITH mine AS MATERIALIZED (
    SELECT key, text, generator FROM responses
    WHERE rowid IN (SELECT rowid FROM responses WHERE key IN (SELECT unnest($responses::VARCHAR[]))) AND failure IS NULL
)
SELECT mine.key, text, coalesce(names.name, generator) AS generator
FROM mine LEFT JOIN generator_names AS names ON names.key = generator
