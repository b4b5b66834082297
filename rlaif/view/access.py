"""How the page opens the store: a current copy to read, even during a run, or the store itself to write votes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final
from weakref import WeakSet

from rlaif.core.errors import StoreError
from rlaif.store.latest import LatestStore
from rlaif.store.store import Store

# The exit code of an error about a store that another process uses.
BUSY: Final = 5
# DuckDB keeps what it reads. The heaviest filters on a million pairs need more than half of this.
MEMORY: Final = "1GB"
# The largest share of the time that is spent on copying the store while it changes.
SHARE: Final = 0.5


class Access:
    """Opens one store. It holds no lock between requests, so that a run can start at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest = LatestStore(path, share=SHARE)
        self._lock = Lock()
        self._limited: WeakSet[Store] = WeakSet()

    @contextmanager
    def reading(self, *, fresh: bool = False) -> Iterator[Store]:
        """Open a copy of the store that is at most a few seconds old, or up to date with `fresh`."""
        with self._latest.open(fresh=fresh) as store:
            if store not in self._limited:
                store.run(f"SET memory_limit = '{MEMORY}'")
                self._limited.add(store)
            yield store

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
