-- The names of generators by their numbers (see `index`).
SELECT min(generators.rowid) AS number, any_value(generator_names.name) AS name
FROM generators JOIN generator_names ON generator_names.key = generators.key GROUP BY generators.key
