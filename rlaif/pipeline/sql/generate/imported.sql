-- The generators whose responses came with the data.
SELECT DISTINCT key, name FROM generators WHERE spec = '{"kind": "imported"}'
