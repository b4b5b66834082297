"""How the page opens the store: a current copy to read, even during a run, or the store itself to write votes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from rlaif.core.errors import StoreError
from rlaif.store.latest import LatestStore
from rlaif.store.store import Store
from rlaif.view.tables import Tables

# The exit code of an error about a store that another process uses.
BUSY: Final = 5
# The limits of DuckDB, which keeps what it reads, and more with more threads. What does not fit is spilled to the disk.
MEMORY: Final = "200MB"
THREADS: Final = 4
# The largest share of the time that is spent on copying the store while it changes.
SHARE: Final = 0.5


class Access:
    """Opens one store. It holds no lock between requests, so that a run can start at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest = LatestStore(path, share=SHARE)
        self._lock = Lock()
        self._opening = Lock()
        # Of the newest copy; no other one is handed out again.
        self._tables: Tables | None = None

    @contextmanager
    def reading(self, *, fresh: bool = False) -> Iterator[Store]:
        """Open a copy of the store that is at most a few seconds old, or up to date with `fresh`."""
        with self._latest.open(fresh=fresh) as store:
            self._tables_of(store)
            yield store

    @contextmanager
    def listing(self) -> Iterator[Tables]:
        """Open a copy of the store as `reading` does, with the tables for queries of the list."""
        with self.reading() as store:
            yield self._tables_of(store)

    def _tables_of(self, store: Store) -> Tables:
        with self._opening:
            if self._tables is None or self._tables.store is not store:
                store.run(f"SET memory_limit = '{MEMORY}'; SET threads = {min(THREADS, os.cpu_count() or 1)}")
                self._tables = Tables(store)
            return self._tables

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """Open the store for writing. Raises StoreError, with exit code 5 while another process uses it."""
        with self._lock, Store(self._path) as store:
            yield store

    def close(self) -> None:
        """Remove the copy."""
        self._latest.close()


def is_busy(error: StoreError) -> bool:
    """Return whether another process uses the store."""
    return error.exit_code == BUSY
