"""Check that a store's file contains the tables of `store/schema.sql` and nothing that changes the meaning of a query.

A macro called `len` in the file would replace DuckDB's function; a view called `prompts` could read other files; a column
might compute its values. Views in the file are never read, so any views are allowed.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import duckdb

from rlaif.core.errors import StoreError

# Each table's columns and their types.
Tables = Mapping[str, Mapping[str, str]]

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
# Columns that compute their values differ in the type, which includes the default or the expression.
_COLUMNS = """
    SELECT table_name, column_name, concat_ws(' DEFAULT ', data_type, column_default)
    FROM duckdb_columns() WHERE database_name = $database AND schema_name = 'main' AND NOT internal
        AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = $database)
"""
_CONSTRAINTS = """
    SELECT table_name, constraint_type, count(*) FROM duckdb_constraints() WHERE database_name = $database GROUP BY ALL
"""
_VIEWS = """
    SELECT view_name, regexp_replace(sql, '^CREATE VIEW [^(]*? AS ', '') FROM duckdb_views()
    WHERE database_name = $database AND NOT internal
"""


def tables(connection: duckdb.DuckDBPyConnection, database: str = "store") -> Tables:
    """Return the tables of the attached file and their columns, without views."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(_COLUMNS, {"database": database}).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


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
    """Compare columns and constraints of the tables `here` with the schema (SQL). Raises StoreError if they differ."""
    wanted, bounds = _made_by(schema)
    for name, columns in wanted.items():
        if here.get(name) != columns:
            other = set(columns.items()) ^ set(here.get(name, {}).items())
            what = f"column {min(other)[0]!r} of table {name!r}" if name in here else f"table {name!r}"
            raise _foreign(path, f"{what} does not match the schema")
    for table, kind, count in _bounds(connection, "store") - bounds:
        raise _foreign(path, f"table {table!r} has {count} constraints of kind {kind} that rlaif did not make")


@cache
def _made_by(schema: str) -> tuple[Tables, frozenset[tuple[str, str, int]]]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(schema)
        return tables(connection, "memory"), _bounds(connection, "memory")


def other_views(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether a view of this program is missing in the file or differs there."""
    own, here = (dict(connection.execute(_VIEWS, {"database": name}).fetchall()) for name in ("memory", "store"))
    return any(here.get(name) != text for name, text in own.items())


def _bounds(connection: duckdb.DuckDBPyConnection, database: str) -> frozenset[tuple[str, str, int]]:
    rows = connection.execute(_CONSTRAINTS, {"database": database}).fetchall()
    return frozenset((table, kind, count) for table, kind, count in rows)


def _foreign(path: Path, what: str) -> StoreError:
    return StoreError(f"{path}: not a valid rlaif store: {what}. Use a store that you trust, or name another `out`.")
