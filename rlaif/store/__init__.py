"""The DuckDB file of append-only facts: connection, schema, views, migrations."""
