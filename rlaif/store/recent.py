"""Stores that this process has closed: as long as their files are unchanged, they need no checks when they are opened again.

From the third one on, the new stores of a process start as copies of its second one when it was empty, which takes a quarter
of the time. Most processes make one at most.
"""

import os
import subprocess
from contextlib import suppress
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
# The content of an empty store, once this process has made two.
_empty: bytes | None = None
_made = 0


def remember(file: Path) -> None:
    """Record the file as it is now, closed and without a log."""
    _left[file] = _version(file)


def unchanged(file: Path) -> bool:
    """Return whether this process has left the file as it is now."""
    return file in _left and file.exists() and _left[file] == _version(file)


def made(file: Path) -> None:
    """Note that this process has made the empty store, which is open and has no log."""
    global _empty, _made
    _made += 1
    if _made == 2:
        # Another process reads it, because this one loses its lock when it closes any handle of the file.
        with suppress(OSError, subprocess.CalledProcessError):
            _empty = subprocess.run(["cat", file], stdout=subprocess.PIPE, check=True).stdout


def make_empty(file: Path) -> bool:
    """Write an empty store if the file does not exist and one is kept. Return whether it was written. Raises OSError."""
    if _empty is None or file.exists():
        return False
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        draft.write_bytes(_empty)
        # Unlike a rename, it fails if another process has made the store in the meantime.
        os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _version(file: Path) -> _Version:
    found = file.stat()
    return _Version(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
