"""A DuckDB connection that can access only the files that it is given.

A database file from a stranger may contain views over `read_text('/etc/passwd')`, macros, defaults and generated columns.
Here they can access nothing: external access is off, no extension is installed or loaded, no variable of the caller can be
read, and none of this can be turned on again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

# The magic bytes of a DuckDB file, and their offset.
MAGIC: Final = b"DUCK"
MAGIC_PLACE: Final = 8
SQLITE: Final = b"SQLite format 3\x00"

# The suffixes of the files that DuckDB keeps for a database.
COMPANIONS: Final = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
OFF: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
}
# Settings that rlaif's queries change: none of them gives access to files.
FREE: Final = ("search_path", "threads", "memory_limit", "preserve_insertion_order", "disabled_optimizers")


def connect(
    databases: Sequence[Path] = (), folders: Sequence[Path] = (), spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Open an in-memory connection that can attach these `databases`, and read and write files in these `folders`.

    All must be resolved paths: DuckDB follows links before it compares.
    Data that does not fit in memory is spilled to the folder `spill`; without one, nothing is spilled.
    """
    connection = duckdb.connect(":memory:", config=dict(OFF))
    paths = [f"{path}{ending}" for path in databases for ending in COMPANIONS]
    statements = [
        "SET python_enable_replacements = false",
        # In notebooks and workers DuckDB would draw a progress bar over the output.
        "SET enable_progress_bar = false",
        f"SET temp_directory = {quoted(spill or '')}",
        f"SET allowed_paths = [{', '.join(map(quoted, paths))}]",
        f"SET allowed_directories = [{', '.join(map(quoted, folders))}]",
        "SET enable_external_access = false",
    ]
    for statement in statements:
        connection.execute(statement)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, free: Sequence[str] = ()) -> None:
    """Lock the configuration, except the settings that are `free`.

    DuckDB 1.5 cannot exempt settings, so it locks nothing if some are `free`. That is safe: SQL in a file cannot change a
    setting, and external access cannot be turned on again in any case.
    """
    if free:
        try:
            connection.execute(f"SET allowed_configs = [{', '.join(map(quoted, free))}]")
        except duckdb.CatalogException:
            return
    connection.execute("SET lock_configuration = true")


def quoted(value: object) -> str:
    """Return the value as a string literal of SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def not_duckdb(path: Path) -> str | None:
    """Return why the file is not a DuckDB database, by its first bytes; None if it is one. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(MAGIC_PLACE + len(MAGIC))
    if not head:
        return "the file is empty"
    if SQLITE.startswith(head[: len(SQLITE)]) and head.startswith(b"SQLite"):
        return "this is a SQLite database, not a DuckDB one"
    return None if head[MAGIC_PLACE:] == MAGIC else "this is not a DuckDB database"
