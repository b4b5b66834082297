"""How the page opens the store: for each request, read-only, or for a moment to write votes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Final

from rlaif.core.errors import StoreError
from rlaif.store.store import Store

# The exit code of an error about a store that another process uses.
BUSY: Final = 5


class Access:
    """Opens one store. Requests of this process take turns, because closing a file releases the process's lock on it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """Open the store read-only. Raises StoreError, with exit code 5 while a run uses it."""
        with self._lock, Store(self._path, read_only=True) as store:
            yield store

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """Open the store for writing. Raises StoreError, with exit code 5 while another process uses it."""
        with self._lock, Store(self._path) as store:
            yield store


def is_busy(error: StoreError) -> bool:
    """Return whether another process uses the store."""
    return error.exit_code == BUSY
