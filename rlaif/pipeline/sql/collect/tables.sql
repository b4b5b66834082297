-- The tables and views of a DuckDB file that a source may name.
SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name
