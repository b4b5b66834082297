"""The store's file: opened or refused with the reason, a log that cannot be read set aside, a copy made."""

import re
import sys
import time
from pathlib import Path

import duckdb

from rlaif.errors import StoreError

# DuckDB 2 can write files that 1.5 cannot read; both are supported, so the older layout is kept.
STORAGE_VERSION = "v1.5.0"


def connect(path: Path, read_only: bool) -> duckdb.DuckDBPyConnection:
    """The file attached as `store`. Raises StoreError, `busy` where another process has it."""
    connection = duckdb.connect(":memory:")
    escaped = str(path).replace("'", "''")
    options = "READ_ONLY" if read_only else f"STORAGE_VERSION '{STORAGE_VERSION}'"
    try:
        try:
            connection.execute(f"ATTACH '{escaped}' AS store ({options})")
        except duckdb.Error as error:
            if read_only or not _set_log_aside(path, str(error)):
                raise
            connection.execute(f"ATTACH '{escaped}' AS store ({options})")
        # DuckDB draws a bar of its own where it takes a process for a person's: in notebooks, and in workers of a script.
        connection.execute("SET enable_progress_bar = false")
        # What does not fit in memory goes beside the store, not into whatever folder the user stands in.
        connection.execute(f"SET temp_directory = '{escaped}.spill'")
        search(connection)
    except duckdb.Error as error:
        connection.close()
        message = str(error).splitlines()[0]
        if "lock" in message.lower():
            holder = re.search(r"PID (\d+)", message)
            who = f"process {holder[1]}" if holder else "another process"
            raise StoreError(f"{path}: in use by {who}. Wait for it, stop it, or name another `out`.", busy=True) from None
        raise StoreError(f"{path}: cannot be opened: {message}") from None
    return connection


def search(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The connection (or a cursor of it), with tables looked for in the store and then in `memory`, its own database.

    What is made in `memory` goes with the connection, as temporary tables do, but is there for its cursors as well.
    """
    connection.execute("SET search_path = 'store,memory'")
    return connection


def _set_log_aside(path: Path, message: str) -> bool:
    """Moves a write-ahead log that DuckDB cannot replay out of the way, keeping its bytes."""
    log = path.with_name(path.name + ".wal")
    if "WAL" not in message or not log.exists():
        return False
    aside = log.with_name(f"{log.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    log.rename(aside)
    print(f"rlaif: {log.name} was damaged and is kept as {aside.name}; the last rows before a crash may be owed again",
          file=sys.stderr)  # fmt: skip
    return True


def copy(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """All that the store holds, as a file of its own; whole or not there at all.

    By DuckDB and not by the system: a process that closes any handle of the file loses its lock on it.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    escaped = str(part).replace("'", "''")
    connection.execute(f"ATTACH '{escaped}' AS kept (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        connection.execute("COPY FROM DATABASE store TO kept")
    finally:
        connection.execute("DETACH kept")
    part.replace(path)
