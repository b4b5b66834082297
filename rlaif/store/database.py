"""Queries and appends over one connection to DuckDB, which the threads of a process share."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock, Timer
from typing import Any
from weakref import WeakSet

import duckdb

from rlaif.core.errors import StoreError
from rlaif.core.words import SQL_WORD
from rlaif.store.connection import search
from rlaif.store.views import statements, views_used

PACKAGE = Path(__file__).parents[1]
# The system's messages for a full disk, file or share, which DuckDB passes on.
FULL = ("No space left", "File too large", "quota exceeded")

Row = dict[str, Any]


@cache
def sql(name: str) -> str:
    """Return the text of `rlaif/NAME.sql`, in which {SQL_WORD} is the pattern of a word.

    A name that contains a blank is a statement itself.
    """
    if " " in name:
        return name
    # Not a macro of the database: a macro in the file could replace functions, so the schema check refuses all of them.
    return (PACKAGE / f"{name}.sql").read_text(encoding="utf-8").replace("{SQL_WORD}", SQL_WORD)


class Database:
    """An open database at `path`, which errors name."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path, self._connection = path, connection
        self._lock = RLock()
        self._scratch = self._in_transaction = False
        self._views: set[str] = set()
        self._cursors: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()

    def query(self, name: str, /, **parameters: Any) -> list[Row]:
        """Return all rows of the named query as dictionaries. Parameters that the query does not use are ignored."""
        return self.rows(sql(name), **parameters)

    def rows(self, text: str, /, **parameters: Any) -> list[Row]:
        """Return all rows of a query given as text."""
        with self._lock:
            self._provide_views(text)
            result = self._connection.execute(text, _used(text, parameters))
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def table(self, text: str, /) -> Any:
        """Return all rows of a query given as text as a pyarrow.Table."""
        with self._lock:
            self._provide_views(text)
            return self._connection.sql(text).to_arrow_table()

    def relation(self, text: str, /) -> duckdb.DuckDBPyRelation:
        """Return a query given as text as a relation of DuckDB, which is evaluated when it is read."""
        return self._cursor(text).sql(text)

    def measure(self, name: str, aggregate: str, /, **parameters: Any) -> int:
        """Return an aggregate, such as count(*), over the rows of the named query; 0 if it is null."""
        return int(self.rows(f"SELECT {aggregate} AS n FROM ({sql(name)})", **parameters)[0]["n"] or 0)

    def stream(self, name: str, /, size: int = 512, **parameters: Any) -> Iterator[Row]:
        """Yield the rows of the named query in the store's present state, fetched `size` at a time to bound memory."""
        text = sql(name)
        with self._lock:
            cursor = self._cursor(text)
            cursor.execute(text, _used(text, parameters))
            names = [column[0] for column in cursor.description or ()]
        batches = iter(lambda: cursor.fetchmany(size), [])
        return (dict(zip(names, row, strict=True)) for batch in batches for row in batch)

    def execute(self, name: str, /, **parameters: Any) -> None:
        """Run the named statements."""
        self.run(sql(name), **parameters)

    def run(self, text: str, /, **parameters: Any) -> None:
        """Run statements given as text."""
        with self._lock, self._explaining_full_disk():
            self._provide_views(text)
            for statement in self._connection.extract_statements(text):
                used = {name: parameters[name] for name in statement.named_parameters}
                self._connection.execute(statement, used).fetchall()

    def _provide_views(self, text: str) -> None:
        """Create the views that a query uses and that this connection does not have yet.

        They are never those of the file. A transaction can change one database only, and the views of a transaction are
        temporary, which counts as none.
        """
        for name in views_used(text):
            if name not in self._views:
                statement = statements()[name]
                kind = "TEMP VIEW" if self._in_transaction else "VIEW"
                self._connection.execute(statement.replace("VIEW", kind, 1))
                self._views.add(name)

    def _cursor(self, query: str) -> duckdb.DuckDBPyConnection:
        with self._lock:
            self._provide_views(query)
            cursor = search(self._connection.cursor())
            self._cursors.add(cursor)
            return cursor

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Interrupt queries of this context that take longer: they raise duckdb.InterruptException."""
        with self._lock:
            timer = Timer(seconds, self._connection.interrupt)
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    def _interrupt(self) -> None:
        for each in (self._connection, *self._cursors):
            each.interrupt()

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows, matched to columns by name; they are committed on return unless a transaction is open."""
        if not rows:
            return
        # The columns of all rows, not only of the first: a failed response has other columns than one with text.
        names = dict.fromkeys(name for row in rows for name in row)
        # One list per column is as fast as Arrow from some hundred rows on, faster for fewer, and needs no import.
        columns = ", ".join(f'unnest(${name}) AS "{name}"' for name in names)
        with self._lock, self._explaining_full_disk():
            self._connection.execute(
                f'INSERT INTO "{table}" BY NAME SELECT {columns}', {name: [row.get(name) for row in rows] for name in names}
            )

    @contextmanager
    def reading(self, files: Mapping[str, Path]) -> Iterator[None]:
        """Make Parquet files readable as views by name inside this context.

        They are in a folder with a random name, so that a `*` or `[` in its path, a pattern to DuckDB, matches nothing
        else. A `key=value` in their paths is not read as a column.
        """
        with self._lock:
            for name, path in files.items():
                escaped = str(path).replace("'", "''")
                rows = f"read_parquet('{escaped}', hive_partitioning = false)"
                self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM {rows}")
            try:
                yield
            finally:
                for name in files:
                    self._connection.execute(f"DROP VIEW {name}")

    @contextmanager
    def memory_limit(self, limit: str) -> Iterator[None]:
        """Let DuckDB use at most `limit` of memory, such as "400MB", inside this context; more goes to disk."""
        self.run(f"SET memory_limit = '{limit}'")
        try:
            yield
        finally:
            self.run("RESET memory_limit")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all appends inside this context together or not at all; inside `scratch`, they are discarded with it."""
        with self._lock, self._explaining_full_disk():
            if self._scratch:
                yield
                return
            with self._begun():
                try:
                    yield
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """Begin a transaction. Views that are created in it are not counted after it, because cursors do not see them."""
        self._connection.execute("BEGIN")
        before, self._in_transaction = set(self._views), True
        try:
            yield
        finally:
            self._views, self._in_transaction = before, False

    @contextmanager
    def _explaining_full_disk(self, path: Path | None = None) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            if not any(words in str(error) for words in FULL):
                raise
            raise disk_full(path or self.path) from None

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Discard all writes of this context at its end; until then its queries see them."""
        with self._lock, self._begun():
            self._scratch = True
            try:
                yield
            finally:
                self._scratch = False
                self._connection.execute("ROLLBACK")


def disk_full(path: Path) -> StoreError:
    """Return the error for a full disk, which says how to go on."""
    return StoreError(
        f"{path}: the disk is full. Everything that was stored before is kept.\n"
        "Free some space and run the same command: it continues from there."
    )


def _used(text: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    names = set(re.findall(r"\$(\w+)", text))
    return {name: value for name, value in parameters.items() if name in names}
