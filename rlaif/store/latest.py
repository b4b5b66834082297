"""The present state of a store for a process that reads again and again, such as a page or a notebook."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import duckdb

from rlaif.core.errors import StoreError
from rlaif.store.snapshot import State, state
from rlaif.store.store import Store


@dataclass
class _Copy:
    store: Store
    state: State
    next: float
    users: int = 0


class LatestStore:
    """Opens a store read-only and renews it when another process has committed rows since. Threads may share it.

        latest = LatestStore(config.store_path, share=0.05)
        with latest.open() as store:
            rows = store.query("report/sql/rounds")

    It holds no lock: a run can start, write and end at any time. Opening the first copy takes about 0.2 s and renewing it
    0.02 s, and both a second per gigabyte on file systems that cannot share blocks. With a `share`, copying takes at most
    that share of the time, so that a page that is asked every second for a large store shows it a little later. By default
    every opening is up to date.
    """

    def __init__(self, path: Path, *, share: float = 1.0) -> None:
        self._path = path.resolve()
        self._given, self._share = path, share
        self._lock = Lock()
        self._copies: list[_Copy] = []

    @contextmanager
    def open(self, *, fresh: bool = False) -> Iterator[Store]:
        """Yield the store as it is now; it does not change in this context. Raises StoreError, as `Store` does.

        With `fresh`, it is up to date whatever the `share`.
        """
        with self._lock:
            copy = self._renewed(fresh)
            copy.users += 1
            self._close_unused()
        try:
            yield copy.store
        finally:
            with self._lock:
                copy.users -= 1
                self._close_unused()

    def _renewed(self, fresh: bool) -> _Copy:
        """Return the newest copy, after making one if there is none or the store has changed."""
        start, now = time.monotonic(), state(self._path)
        if not self._copies or (self._copies[-1].state != now and (fresh or start >= self._copies[-1].next)):
            store = self._reopened() or Store(self._given, read_only=True)
            end = time.monotonic()
            self._copies.append(_Copy(store, now, end + (end - start) * (1 / self._share - 1)))
        return self._copies[-1]

    def _reopened(self) -> Store | None:
        """Return the newest copy's store, renewed; None if there is none or it is in use."""
        if not self._copies or self._copies[-1].users:
            return None
        store = self._copies.pop().store
        try:
            store.renew()
        except (OSError, StoreError, duckdb.Error):
            store.close()
            return None
        return store

    def _close_unused(self) -> None:
        for copy in [each for each in self._copies[:-1] if not each.users]:
            self._copies.remove(copy)
            copy.store.close()

    def close(self) -> None:
        """Close all copies."""
        with self._lock:
            for copy in self._copies:
                copy.store.close()
            self._copies.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
