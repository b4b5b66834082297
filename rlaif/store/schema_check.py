"""Check that a store's file contains the tables of `store/schema.sql` and nothing that changes the meaning of a query.

A macro called `len` in the file would replace DuckDB's function; a view called `prompts` could read other files; a column
might compute its values. Views in the file are never read, so any views are allowed.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import duckdb

from rlaif.core.errors import StoreError

# The statement that creates each table, as DuckDB writes it, with all types, defaults, expressions and constraints.
Tables = Mapping[str, str]

# Queries for the kinds of objects that rlaif never makes. `duckdb_triggers` exists from DuckDB 2 on.
_STRANGERS: Mapping[str, str] = {
    "a function": "SELECT function_name FROM duckdb_functions() WHERE database_name = 'store' AND NOT internal",
    "a type": "SELECT type_name FROM duckdb_types() WHERE database_name = 'store' AND NOT internal",
    "a schema": "SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'store' AND NOT internal "
    "AND schema_name <> 'main'",
    "a sequence": "SELECT sequence_name FROM duckdb_sequences() WHERE database_name = 'store'",
    "an index": "SELECT index_name FROM duckdb_indexes() WHERE database_name = 'store'",
    "a trigger": "SELECT trigger_name FROM duckdb_triggers() WHERE database_name = 'store'",
}
_TABLES = "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = $database"
_VIEWS = "SELECT sql FROM duckdb_views() WHERE database_name = 'store' AND NOT internal ORDER BY ALL"
# Columns that compute their values differ in the type, which includes the default or the expression.
_COLUMNS = """
    SELECT column_name, concat_ws(' DEFAULT ', data_type, column_default)
    FROM duckdb_columns() WHERE database_name = $database AND table_name = $table
"""
_CONSTRAINTS = """
    SELECT table_name, constraint_type, count(*) FROM duckdb_constraints() WHERE database_name = $database GROUP BY ALL
"""


def tables(connection: duckdb.DuckDBPyConnection, database: str = "store") -> Tables:
    """Return the tables of an attached file, by name."""
    return dict(connection.execute(_TABLES, {"database": database}).fetchall())


def views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the statements that created the views in the store's file, in a fixed order."""
    return [text for (text,) in connection.execute(_VIEWS).fetchall()]


def refuse_strangers(path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Check that the store has no objects that no version of rlaif makes. Raises StoreError otherwise."""
    for kind, query in _STRANGERS.items():
        try:
            found = connection.execute(query).fetchone()
        except duckdb.CatalogException:
            continue
        if found:
            raise _foreign(path, f"it holds {kind}, {found[0]!r}, that rlaif did not make")


def compare(path: Path, connection: duckdb.DuckDBPyConnection, here: Tables, schema: str) -> None:
    """Compare the tables `here` with those of the schema (SQL). Raises StoreError if they differ.

    A table that was upgraded may have its columns in another order.
    """
    wanted = _made_by(schema)
    others = [name for name, text in wanted.items() if here.get(name) != text]
    if not others and len(here) == len(wanted):
        return
    with duckdb.connect(":memory:") as made:
        made.execute(schema)
        for table in others:
            columns = _columns(made, "memory", table) ^ _columns(connection, "store", table)
            if columns:
                what = f"column {min(columns)[0]!r} of table {table!r}" if table in here else f"table {table!r}"
                raise _foreign(path, f"{what} does not match the schema")
        for table, kind, count in _constraints(connection, "store") - _constraints(made, "memory"):
            raise _foreign(path, f"table {table!r} has {count} constraints of kind {kind} that rlaif did not make")


@cache
def _made_by(schema: str) -> Tables:
    with duckdb.connect(":memory:") as connection:
        connection.execute(schema)
        return tables(connection, "memory")


def _columns(connection: duckdb.DuckDBPyConnection, database: str, table: str) -> set[tuple[str, str]]:
    return set(connection.execute(_COLUMNS, {"database": database, "table": table}).fetchall())


def _constraints(connection: duckdb.DuckDBPyConnection, database: str) -> set[tuple[str, str, int]]:
    return set(connection.execute(_CONSTRAINTS, {"database": database}).fetchall())


def _foreign(path: Path, what: str) -> StoreError:
    return StoreError(f"{path}: not a valid rlaif store: {what}. Use a store that you trust, or name another `out`.")
