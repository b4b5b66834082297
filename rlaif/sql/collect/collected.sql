-- Which prompts the sources hold now.
INSERT INTO collected
SELECT key FROM read_parquet($folder || '/prompts.parquet') AS staged SEMI JOIN kept ON kept.position = staged.position
