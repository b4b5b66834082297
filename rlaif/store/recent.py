"""Stores that this process has closed: as long as their files are unchanged, they need no checks when they are opened again.

A new store starts as a copy of the first empty one that this process has made, which takes a quarter of the time.
"""

import os
from pathlib import Path
from typing import NamedTuple


class _Version(NamedTuple):
    """What differs if a file was written or replaced."""

    device: int
    inode: int
    size: int
    modified: int


# By path: how this process left the file.
_left: dict[Path, _Version] = {}
_empty: list[bytes] = []


def remember(file: Path) -> None:
    """Record the file as it is now, closed and without a log."""
    _left[file] = _version(file)


def unchanged(file: Path) -> bool:
    """Return whether this process has left the file as it is now."""
    return file in _left and file.exists() and _left[file] == _version(file)


def keep_empty(file: Path) -> None:
    """Keep the content of an empty store, for those that this process makes later."""
    _empty[:] = [file.read_bytes()]


def make_empty(file: Path) -> bool:
    """Write an empty store if the file does not exist and one is kept. Return whether it was written. Raises OSError."""
    if not _empty or file.exists():
        return False
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        draft.write_bytes(_empty[0])
        # Unlike a rename, it fails if another process has made the store in the meantime.
        os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _version(file: Path) -> _Version:
    found = file.stat()
    return _Version(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
