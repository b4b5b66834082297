"""The store: one DuckDB file of append-only facts, where the stages meet.

Stages ask it what is owed (a named query of `sql/`), and append what they made. Every append is one transaction, and a
unit counts as done only once that is committed.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

import duckdb

from rlaif.errors import InputError, StoreError
from rlaif.stop import STOP
from rlaif.store_file import connect, copy, search

SQL = Path(__file__).parent / "sql"
SCHEMA_VERSION = 6
# What `sql/migrate` brings up to date.
OLDEST_VERSION = 3
# What the system calls a disk, a file or a share without room; DuckDB passes it on in its message.
FULL = ("No space left", "File too large", "quota exceeded")
# In the path of a database, DuckDB takes what follows a question mark for options, and a backslash for a slash.
MISREAD = "?\\\0"

Row = dict[str, Any]


@cache
def sql(name: str) -> str:
    """The text of `sql/NAME.sql`."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


class Store:
    """An open store. One process writes at a time; threads of that process may share it."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        if read_only:
            must_exist(path)
        check_path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: no folder for the store: {error.strerror}. Name another `out`.") from None
        self.path = path
        self._lock = RLock()
        self._scratch = False
        self._connection = connect(path, read_only)
        self._cursors: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._unregister = STOP.interrupted_by(self._interrupt)
        try:
            self._prepare(read_only)
        except BaseException:
            self.close()
            raise

    def _prepare(self, read_only: bool) -> None:
        tables = {row[0] for row in self._connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if not tables:
            if read_only:
                raise StoreError(f"{self.path}: an empty store. `rlaif run` fills it.")
            with self._renewed():
                self.execute("schema")
        found = self.meta("schema") if "meta" in tables or not tables else ""
        if not found.isdecimal():
            raise StoreError(f"{self.path}: a DuckDB file, but no store of rlaif. Name another `out`.")
        version = int(found)
        if OLDEST_VERSION <= version < SCHEMA_VERSION and not read_only:
            self._migrate(version)
        elif version != SCHEMA_VERSION:
            raise StoreError(_unfit(self.path, version))

    def _migrate(self, version: int) -> None:
        """Brings the tables of an older rlaif up to date, all or nothing; what they were is kept beside the store."""
        kept = self.path.with_name(f"{self.path.name}.schema-{version}")
        with self._room():
            copy(self._connection, kept)
        with self._renewed():
            for step in range(version + 1, SCHEMA_VERSION + 1):
                self.execute(f"migrate/to_{step}")
        print(f"rlaif: {self.path} is brought from schema {version} to {SCHEMA_VERSION}; as it was, it is {kept.name}",
              file=sys.stderr)  # fmt: skip

    @contextmanager
    def _renewed(self) -> Iterator[None]:
        """The tables that are made or changed within have views and a version at the end."""
        with self.transaction():
            yield
            self.execute("views")
            self.execute("migrate/version", version=str(SCHEMA_VERSION))
        # DDL that is still in the log at a crash is what DuckDB replays least reliably.
        self._connection.execute("CHECKPOINT")

    def meta(self, name: str) -> str:
        """A fact about the store itself, such as its `schema` version."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = $name", {"name": name}).fetchall()
        return str(row[0][0]) if row else ""

    def query(self, name: str, /, **parameters: Any) -> list[Row]:
        """All rows of the named query as dictionaries. Parameters that the query does not use are left out."""
        return self.rows(sql(name), **parameters)

    def rows(self, text: str, /, **parameters: Any) -> list[Row]:
        """All rows of a query given as text."""
        with self._lock:
            result = self._connection.execute(text, _used(text, parameters))
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def measure(self, name: str, aggregate: str, /, **parameters: Any) -> int:
        """An aggregate, such as count(*), over the rows of the named query; 0 where there are none."""
        return int(self.rows(f"SELECT {aggregate} AS n FROM ({sql(name)})", **parameters)[0]["n"] or 0)

    def stream(self, name: str, /, size: int = 512, **parameters: Any) -> Iterator[Row]:
        """The rows of the named query as the store is now, `size` at a time, so that memory stays flat."""
        text = sql(name)
        with self._lock:
            cursor = self._cursor()
            cursor.execute(text, _used(text, parameters))
            names = [column[0] for column in cursor.description or ()]
        batches = iter(lambda: cursor.fetchmany(size), [])
        return (dict(zip(names, row, strict=True)) for batch in batches for row in batch)

    def execute(self, name: str, /, **parameters: Any) -> None:
        """Runs the named statement."""
        self.run(sql(name), **parameters)

    def run(self, text: str, /, **parameters: Any) -> None:
        """Runs statements given as text."""
        with self._lock, self._room():
            for statement in self._connection.extract_statements(text):
                used = {name: parameters[name] for name in statement.named_parameters}
                self._connection.execute(statement, used).fetchall()

    def write(self, query: str, path: Path, options: str) -> None:
        """The rows of a query given as text, as a file; `options` are those of DuckDB's COPY.

        Threads write side by side, and see what is committed and what is in `memory`, but no temporary table.
        """
        escaped = str(path).replace("'", "''")
        with self._room(path):
            self._cursor().execute(f"COPY ({query}) TO '{escaped}' ({options})")

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            cursor = search(self._connection.cursor())
            self._cursors.add(cursor)
            return cursor

    def _interrupt(self) -> None:
        for each in (self._connection, *self._cursors):
            each.interrupt()

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds rows, matched to columns by name; committed on return unless a transaction is open."""
        if not rows:
            return
        # Of all rows, not of the first one alone: a failed response has other columns than one with text.
        names = dict.fromkeys(name for row in rows for name in row)
        # A list a column is as fast as Arrow from some hundred rows on, faster for fewer, and nothing is to be imported.
        columns = ", ".join(f'unnest(${name}) AS "{name}"' for name in names)
        with self._lock, self._room():
            self._connection.execute(
                f'INSERT INTO "{table}" BY NAME SELECT {columns}', {name: [row.get(name) for row in rows] for name in names}
            )

    @contextmanager
    def reading(self, files: Mapping[str, Path]) -> Iterator[None]:
        """Parquet files as views by name, for the queries within. DuckDB does not see their paths, in which it would read
        `key=value` as a column, and `*` as a pattern."""
        import pyarrow.dataset

        with self._lock:
            for name, path in files.items():
                self._connection.register(name, pyarrow.dataset.dataset(str(path.absolute()), format="parquet"))
            try:
                yield
            finally:
                for name in files:
                    self._connection.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All appends within are kept together or not at all; within `scratch`, they go with it."""
        with self._lock, self._room():
            if self._scratch:
                yield
                return
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _room(self, path: Path | None = None) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            if not any(words in str(error) for words in FULL):
                raise
            raise StoreError(
                f"{path or self.path}: the disk is full. All that was kept before is there.\n"
                "Free some space and run the same command: it goes on from there."
            ) from None

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Whatever is written within is there for the queries within, and taken back at the end."""
        with self._lock:
            self._connection.execute("BEGIN")
            self._scratch = True
            try:
                yield
            finally:
                self._scratch = False
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        with self._lock:
            self._unregister()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def must_exist(path: Path) -> None:
    """Raises StoreError where there is no store."""
    if not path.exists():
        raise StoreError(f"{path}: no store here yet. `rlaif run` makes it.")


def check_path(path: Path) -> None:
    """Raises InputError for a path that DuckDB cannot open as a database: it would read part of it as something else."""
    text, fix = str(path.absolute()), "Rename the folder or the file."
    wrong = next((mark for mark in MISREAD if mark in text), None)
    if wrong is not None:
        raise InputError(f"DuckDB cannot open a database whose path holds {wrong!r}", where=text, fix=fix)
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise InputError("DuckDB cannot open a database whose path is not UTF-8", where=shown, fix=fix) from None


def _used(text: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    names = set(re.findall(r"\$(\w+)", text))
    return {name: value for name, value in parameters.items() if name in names}


def _unfit(path: Path, version: int) -> str:
    reads = f"(schema {version}, this one reads {SCHEMA_VERSION})"
    if version > SCHEMA_VERSION:
        return f"{path}: made by a newer rlaif {reads}. Update rlaif: pip install -U rlaif"
    if version < OLDEST_VERSION:
        return f"{path}: made by an older rlaif {reads}. Name another `out`, or take the rlaif that made it."
    return f"{path}: made by an older rlaif {reads}. `rlaif collect` brings it up to date and asks no model."
