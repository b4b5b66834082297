"""The store: one DuckDB file of append-only facts that all stages share.

Stages ask it which work is pending (a named query), and append their results. Every append is one transaction, and a unit
counts as done only once it is committed.

The file may come from a stranger. Its connection reaches only the store's file and those in `folder()`, its content is
compared with the schema, and queries read the views of `store/views.sql`, never those in the file.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self
from weakref import WeakMethod

import duckdb

from rlaif.core.errors import InputError, StoreError
from rlaif.core.signals import STOP
from rlaif.core.types import key
from rlaif.store import recent, schema_check
from rlaif.store.confined import quoted
from rlaif.store.connection import check_file, connect, copy, has_log, search, unreadable
from rlaif.store.database import FULL, Database, Row, disk_full, sql
from rlaif.store.snapshot import copy_files
from rlaif.store.views import views_text
from rlaif.store.work_folder import WorkFolder, remove_left

__all__ = ["FULL", "Row", "Store", "check_path", "must_exist", "sql"]

SCHEMA_VERSION = 7
# The oldest schema that `store/migrate` can upgrade.
OLDEST_VERSION = 3
# The name in `meta` for the fact that a process has the store open for writing.
WRITING = "writing"
# The name in `meta` for a digest of the views in the file, which are for other programs, and of those of this rlaif.
VIEWS = "views"
# In the path of a database, DuckDB reads text after a question mark as options, and a backslash as a slash.
MISREAD = "?\\\0"


class Store(Database):
    """An open store. One process writes at a time; threads of that process may share it.

    A store that is open `read_only` is a copy of the files as they were then: it shows every row that was committed, holds
    no lock, and does not change while other processes write. A `private` one is such a copy that can be written to, whose
    changes disappear when it is closed.
    """

    def __init__(self, path: Path, *, read_only: bool = False, private: bool = False) -> None:
        check_path(path)
        if read_only or private:
            must_exist(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: no folder for the store: {error.strerror}. Name another `out`.") from None
        check_file(path)
        self.read_only, self._private = read_only, private
        self._file = path.resolve()
        self._work = WorkFolder(self._file)
        # How often `renew` has changed the content.
        self.renewals = 0
        logged, new, copied = has_log(self._file), not self._file.exists(), read_only or private
        checked = not logged and (recent.unchanged(self._file) or (not copied and _made_empty(self._file)))
        super().__init__(path, self._connect_to_copy(path) if copied else connect(self._file, False, self._work.path))
        # Weak, so that a store that is not closed, because relations of it are in use, is closed with them.
        interrupt = WeakMethod(self._interrupt)
        self._unregister = STOP.interrupted_by(lambda: (living := interrupt()) and living())
        try:
            if not checked:
                self._check(new)
            if not copied:
                self._note_writing(logged)
        except duckdb.Error as error:
            self._abandon()
            raise unreadable(path, error, self._file) from None
        except BaseException:
            self._abandon()
            raise

    def _connect_to_copy(self, path: Path) -> duckdb.DuckDBPyConnection:
        """Copy the store's files and open the copy. Raises StoreError."""
        original = self._file
        try:
            copied = copy_files(original, self._work.make())
        except OSError as error:
            if self.read_only:
                # The disk is full or the folder is not writable: read the store in place, with a lock.
                return connect(original, True, self._work.path)
            raise StoreError(f"{path}: cannot be copied to read it: {error}. Free some space.") from None
        try:
            connection = connect(copied, self.read_only, self._work.path, original)
        except BaseException:
            self._work.remove()
            raise
        if self.read_only:
            # DuckDB keeps the files open. So their space is free as soon as this process ends, in whatever way.
            for file in self._work.path.iterdir():
                file.unlink()
        self._file = copied
        return connection

    def renew(self) -> None:
        """Bring a read-only store up to date, for a tenth of the work of opening it. No earlier query may still be read.

        The schema is not checked again. Raises StoreError, OSError or duckdb.Error; then the store must be closed.
        """
        with self._lock:
            copied = copy_files(self.path.resolve(), self._work.make())
            self.renewals += 1
            self._connection.execute("DETACH store")
            self._connection.execute(f"ATTACH {quoted(copied)} AS store (READ_ONLY)")
            for file in self._work.path.iterdir():
                file.unlink()

    def _check(self, new: bool) -> None:
        """Make the tables if there are none; otherwise check that they are those of the schema, or upgrade older ones."""
        tables = schema_check.tables(self._connection)
        if not tables:
            if self.read_only:
                raise StoreError(f"{self.path}: the store is empty. `rlaif run` fills it.")
            if not new:
                schema_check.refuse_strangers(self.path, self._connection)
            with self._renewed():
                self._connection.execute(sql("store/schema"))
            if new:
                recent.made(self._file)
        found = self.meta("schema") if not tables or "meta" in tables else ""
        if not found.isdecimal() or len(found) > 9:
            raise StoreError(f"{self.path}: a DuckDB file, but not a store of rlaif. Name another `out`.")
        if tables:
            schema_check.refuse_strangers(self.path, self._connection)
        version = int(found)
        if OLDEST_VERSION <= version < SCHEMA_VERSION and not self.read_only:
            self._migrate(version)
            tables = schema_check.tables(self._connection)
        elif version != SCHEMA_VERSION:
            raise StoreError(_unfit(self.path, version))
        if tables:
            schema_check.compare(self.path, self._connection, tables, sql("store/schema"))
        if not self.read_only and self.meta(VIEWS) != self._digest_of_views():
            with self._renewed():
                pass

    def _note_writing(self, logged: bool) -> None:
        """Warn about a missing write-ahead log, and record in the file itself that a process writes to the store.

        Rows reach the file when DuckDB folds its log into it, at the latest when the store is closed. If the last process
        did not close the file and there is no log beside it, it was copied without its log, or the log was deleted.
        """
        noted = self.meta(WRITING)
        if noted and not logged:
            print(
                f"rlaif: {self.path}: the last process did not close this store, and its write-ahead log "
                f"{self.path.name}.wal is missing. Rows written shortly before may be missing; the next run makes them "
                "again. If you copied the store, copy the .wal file too.",
                file=sys.stderr,
            )
        remove_left(self._file)
        if not noted:
            with self._explaining_full_disk():
                self._connection.execute("INSERT INTO meta VALUES (?, 'yes')", [WRITING])
                self._connection.execute("CHECKPOINT store")

    def _migrate(self, version: int) -> None:
        """Upgrade the tables of an older rlaif in one transaction; a copy of the old store is kept beside it."""
        kept = self.path.with_name(f"{self.path.name}.schema-{version}")
        if not self._private:
            with self._explaining_full_disk(), self.folder() as folder:
                copy(self._connection, folder, kept)
        with self._renewed():
            for step in range(version + 1, SCHEMA_VERSION + 1):
                self._connection.execute(sql(f"store/migrate/to_{step}"))
        if self._private:
            return
        print(
            f"rlaif: {self.path} is brought from schema {version} to {SCHEMA_VERSION}; as it was, it is {kept.name}",
            file=sys.stderr,
        )

    @contextmanager
    def _renewed(self) -> Iterator[None]:
        """Run schema changes in a transaction, then renew the views and the schema version."""
        # Tables and views go into the file, so that users who open it with other programs have the views.
        self._connection.execute("SET search_path = 'store'")
        try:
            with self.transaction():
                yield
                self._connection.execute(views_text())
                self._note("schema", str(SCHEMA_VERSION))
                self._note(VIEWS, self._digest_of_views())
        finally:
            search(self._connection)
        # DDL that is still in the log at a crash is what DuckDB replays least reliably.
        self._connection.execute("CHECKPOINT store")

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Make a temporary folder beside the store, the only place where queries can read and write files."""
        try:
            made = TemporaryDirectory(dir=self._work.make())
        except OSError as error:
            raise self._unwritable(error) from None
        with made as name:
            yield Path(name)

    def _unwritable(self, error: OSError) -> StoreError:
        why = error.strerror or str(error)
        if any(words in str(error) for words in FULL):
            return disk_full(self.path)
        return StoreError(f"{self.path.parent}: cannot be written to: {why}. Name another `out`.")

    def meta(self, name: str) -> str:
        """Return a fact about the store itself, such as its `schema` version; empty if it has none of that name."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = $name", {"name": name}).fetchall()
        return str(row[0][0]) if row else ""

    def _digest_of_views(self) -> str:
        return key("views", views_text(), *schema_check.views(self._connection))

    def _note(self, name: str, value: str) -> None:
        self._connection.execute("DELETE FROM meta WHERE name = ?", [name])
        self._connection.execute("INSERT INTO meta VALUES (?, ?)", [name, value])

    def stream_by_file(self, text: str, /, size: int = 4096) -> Iterator[Row]:
        """Yield the rows of a query given as text, which may read temporary tables, `size` at a time to bound memory.

        They go through a file, because cursors, from which `stream` fetches, see no temporary tables.
        """
        import pyarrow.parquet

        with self.folder() as folder:
            self.run(f"COPY ({text}) TO {quoted(folder / 'rows')} (FORMAT parquet)")
            # The open file outlives its folder, so that nothing is left if the caller stops early.
            file = pyarrow.parquet.ParquetFile(folder / "rows")
        with file:
            for batch in file.iter_batches(size):
                yield from batch.to_pylist()

    def write(self, query: str, path: Path, options: str, rows: int | None = None) -> None:
        """Write the rows of a query given as text to a file; `options` are those of DuckDB's COPY.

        A file that is to have this number of `rows` is Parquet, and is opened again to check that it is complete.

        Threads can write at the same time. They see committed rows and the database `memory`, but no temporary tables.
        Raises OSError if the file cannot be moved into place, and StoreError if it is not complete.
        """
        # Queries can write beside the store only; from there to another folder of the same disk is a rename.
        with self.folder() as folder, self._explaining_full_disk(path):
            cursor, file = self._cursor(query), quoted(folder / "rows")
            cursor.execute(f"COPY ({query}) TO {file} ({options})")
            if rows is not None:
                count = f"SELECT count(*) FROM read_parquet({file}, hive_partitioning = false)"
                found = cursor.execute(count).fetchall()[0][0]
                if found != rows:
                    raise StoreError(f"{path.name}: {rows:,} rows written, {found:,} read back; is the disk full?")
            shutil.move(folder / "rows", path)

    def close(self) -> None:
        """Fold the write-ahead log into the file, so that the file is complete by itself, and close it."""
        with self._lock:
            if not self.read_only and not self._private:
                # A failure here loses nothing: the log stays beside the file.
                with suppress(duckdb.Error):
                    self._connection.execute("DELETE FROM meta WHERE name = ?", [WRITING])
                    self._connection.execute("CHECKPOINT store")
            self._abandon()
            if not self.read_only and not self._private and not has_log(self._file):
                recent.remember(self._file)

    def _abandon(self) -> None:
        self._unregister()
        self._connection.close()
        self._work.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _made_empty(file: Path) -> bool:
    try:
        return recent.make_empty(file)
    except OSError:
        # Opening it fails for the same reason, or succeeds on a file system without hard links.
        return False


def must_exist(path: Path) -> None:
    """Check that the store exists. Raises StoreError otherwise."""
    if not path.exists():
        raise StoreError(f"{path}: no store here yet. `rlaif run` makes it.")


def check_path(path: Path) -> None:
    """Check that DuckDB can open the path as a database. Raises InputError otherwise."""
    text, fix = str(path.absolute()), "Rename the folder or the file."
    wrong = next((mark for mark in MISREAD if mark in text), None)
    if wrong is not None:
        raise InputError(f"DuckDB cannot open a database whose path holds {wrong!r}", where=text, fix=fix)
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise InputError("DuckDB cannot open a database whose path is not UTF-8", where=shown, fix=fix) from None


def _unfit(path: Path, version: int) -> str:
    reads = f"(schema {version}, this one reads {SCHEMA_VERSION})"
    if version > SCHEMA_VERSION:
        return f"{path}: made by a newer rlaif {reads}. Update rlaif: pip install -U rlaif"
    if version < OLDEST_VERSION:
        return f"{path}: made by an older rlaif {reads}. Name another `out`, or use the rlaif version that made it."
    return f"{path}: made by an older rlaif {reads}. `rlaif collect` upgrades it without calling a model."
