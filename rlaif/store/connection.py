"""The store's file: open it or refuse it with a reason, set aside a log that cannot be replayed, make a copy."""

import re
import sys
import time
from pathlib import Path
from typing import Final

import duckdb

from rlaif.core.errors import StoreError
from rlaif.store import confined
from rlaif.store.confined import quoted

# DuckDB 2 can write files that 1.5 cannot read; both are supported, so the older layout is kept.
STORAGE_VERSION = "v1.5.0"
# Patterns for DuckDB's messages, from which the file's path is removed: it may contain any of these words.
BUSY: Final = re.compile(
    r"could not set lock|conflicting lock|being used by another process|file handle conflict", re.IGNORECASE
)
NEWER: Final = re.compile(
    r"version number \d+, but|newer version|storage version|not supported by this version", re.IGNORECASE
)
DAMAGED: Final = re.compile(
    r"corrupt|checksum|not read enough bytes|not a valid DuckDB|deserializ|INTERNAL|out of range", re.IGNORECASE
)
LOG: Final = re.compile(r"\bWAL\b")
# The first entry of every log of DuckDB 1.5 and 2: its kind is a version.
LOG_HEAD: Final = b"\x64\x00\x62"
STRANGER: Final = re.compile(r"does not match|different")


def connect(
    path: Path, read_only: bool, folder: Path | None = None, original: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Open the file, attached as `store`. Queries can read and write files in `folder` (a resolved path) and nowhere else.

    If it is a copy of the store `original`, errors name that one, and nothing is changed for the sake of opening it.
    Raises StoreError, with `busy` set if another process has the file open.
    """
    path = path.resolve()
    _check(path, original or path)
    options = "READ_ONLY" if read_only else f"STORAGE_VERSION '{STORAGE_VERSION}'"
    attach = f"ATTACH {quoted(path)} AS store ({options})"
    # DuckDB spills beside the store, not into the working directory.
    connection = confined.connect([path], [folder] if folder else [], spill=Path(f"{path}.spill"))
    try:
        try:
            if _is_garbled(_log(path)):
                # DuckDB would take it for an empty log and delete it.
                raise duckdb.IOException("WAL is damaged: it does not begin as a log does")
            connection.execute(attach)
        except (duckdb.Error, UnicodeDecodeError) as error:
            if read_only or original or not _set_log_aside(path, _plain(error, path)):
                raise
            connection.execute(attach)
        search(connection)
        confined.lock(connection, confined.FREE)
    except (duckdb.Error, UnicodeDecodeError) as error:
        connection.close()
        raise unreadable(original or path, error, path) from None
    return connection


def check_file(path: Path) -> None:
    """Check, without opening it, that the path is a file or does not exist. Raises StoreError, also for a lone log."""
    log = _log(path)
    try:
        if not path.exists() and log.exists():
            # DuckDB would start an empty store and delete the log.
            raise StoreError(
                f"{path}: the store is missing, but its write-ahead log {log.name} is still there.\n"
                f"Put the store back beside it, or move {log.name} away to start a new store."
            )
        if path.exists() and not path.is_file():
            raise StoreError(f"{path}: this is not a file. Name another `out`.")
    except OSError as error:
        raise _unopened(path, error) from None


def _check(path: Path, original: Path) -> None:
    """Check the file before DuckDB opens it. Raises StoreError if it is not a DuckDB file."""
    check_file(path)
    try:
        reason = confined.not_duckdb(path) if path.exists() else None
    except OSError as error:
        raise _unopened(original, error) from None
    if reason:
        raise StoreError(f"{original}: {reason}. Restore a copy of the store, or name another `out`.")


def _unopened(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: cannot be opened: {error.strerror}. Check its permissions, or name another `out`.")


def unreadable(path: Path, error: Exception, opened: Path | None = None) -> StoreError:
    """Turn DuckDB's error about the store into one with advice: in use, written by a newer DuckDB, damaged, or other.

    `opened` is the file that DuckDB names in its message if that is a copy.
    """
    message = _plain(error, opened or path)
    if BUSY.search(message):
        holder = re.search(r"PID (\d+)", message)
        who = f"process {holder[1]}" if holder else "another process"
        return StoreError(f"{path}: in use by {who}. Wait for it, stop it, or name another `out`.", busy=True)
    if LOG.search(message):
        return StoreError(
            f"{path}: its write-ahead log {_log(path).name} cannot be replayed: {message}\n"
            f"If the log belongs to another store, move it away. Otherwise `rlaif run` sets it aside."
        )
    if NEWER.search(message):
        return StoreError(f"{path}: written by a newer DuckDB: {message}\nUpdate DuckDB: pip install -U duckdb")
    if DAMAGED.search(message) or isinstance(error, UnicodeDecodeError):
        return StoreError(f"{path}: the file is damaged: {message}\nRestore a copy of the store, or name another `out`.")
    return StoreError(f"{path}: cannot be opened: {message}")


def _plain(error: Exception, path: Path) -> str:
    """Return the message's first line without the path, whose folders may have any name, such as WAL or lock."""
    message = (str(error).splitlines() or [type(error).__name__])[0]
    return message.replace(str(path), "the store")


def search(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Set a connection or cursor to look up names in its database `memory` first, then in the store; return it.

    `memory` holds the views of this program, so that views in the file are never used. Objects in `memory` disappear with
    the connection, like temporary tables, but are visible to its cursors.
    """
    connection.execute("SET search_path = 'memory,store'")
    return connection


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def has_log(path: Path) -> bool:
    """Return whether there is a write-ahead log beside the store."""
    return _log(path).exists()


def _is_garbled(log: Path) -> bool:
    if not log.exists():
        return False
    with log.open("rb") as file:
        head = file.read(len(LOG_HEAD))
    return not LOG_HEAD.startswith(head)


def _set_log_aside(path: Path, message: str) -> bool:
    """Rename a write-ahead log that DuckDB cannot replay, keeping its bytes; return whether it did."""
    log = _log(path)
    if not LOG.search(message) or BUSY.search(message) or not log.exists():
        return False
    aside = log.with_name(f"{log.name}.corrupt-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    log.rename(aside)
    why = "does not belong to this state of the store" if STRANGER.search(message) else "is damaged"
    print(
        f"rlaif: the write-ahead log {log.name} {why} and is kept as {aside.name}. The last rows before "
        "a crash may be missing; the next run makes them again.",
        file=sys.stderr,
    )
    return True


def copy(connection: duckdb.DuckDBPyConnection, folder: Path, path: Path) -> None:
    """Write the store's content to a separate file atomically, by way of `folder`.

    DuckDB makes the copy, not the file system: a process that closes any handle of the store's file loses its lock on it.
    """
    part = folder / path.name
    connection.execute(f"ATTACH {quoted(part)} AS kept (STORAGE_VERSION '{STORAGE_VERSION}')")
    try:
        connection.execute("COPY FROM DATABASE store TO kept")
    finally:
        connection.execute("DETACH kept")
    part.replace(path)
