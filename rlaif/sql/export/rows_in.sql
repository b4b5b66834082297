-- How many rows a Parquet file holds, by its own end.
SELECT num_rows AS n FROM parquet_file_metadata($path)
