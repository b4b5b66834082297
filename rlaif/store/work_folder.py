"""A temporary folder beside the store for the files of one process: imports, exports, and copies of the store."""

import os
import secrets
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from weakref import finalize


class WorkFolder:
    """A folder beside the store that is made when it is first used, and removed with this object or by `remove_left`.

    `path` is its name, whether it exists or not.
    """

    def __init__(self, store: Path) -> None:
        self.path = store.with_name(f".{store.name}.work-{secrets.token_hex(4)}")
        self._finalizer: finalize[[Path, int | None], WorkFolder] | None = None

    def make(self) -> Path:
        """Make the folder if it does not exist yet, and return its path. Raises OSError."""
        if self._finalizer is None:
            self.path.mkdir(mode=0o700)
            self._finalizer = finalize(self, _remove, self.path, _hold(self.path))
        return self.path

    def remove(self) -> None:
        """Remove the folder with its content, if it was made."""
        if self._finalizer:
            self._finalizer()


def remove_left(store: Path) -> None:
    """Remove the folders beside the store that killed processes have left, and none that is still in use."""
    for folder in store.parent.glob(f".{store.name}.work-*"):
        with suppress(BlockingIOError):
            _remove(folder, _hold(folder))


def _remove(folder: Path, held: int | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if held is not None:
        os.close(held)


def _hold(folder: Path) -> int | None:
    """Lock the folder until the returned descriptor is closed or this process ends.

    Returns None if the system has no such locks. Raises BlockingIOError if another process holds it.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return descriptor
