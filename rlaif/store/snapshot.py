"""Copy a store's files while another process may write to them, so that readers hold no lock and never wait.

DuckDB locks a store for its writer, and a reader that opens the same files keeps a run from starting. A copy that is made
while the main file does not change holds what a crash at that moment would leave: DuckDB opens it with every committed row
and without unfinished transactions. The writer does nothing for its readers, and they cannot disturb it.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rlaif.core.errors import StoreError
from rlaif.store.confined import COMPANIONS

# Longer than a tick of the file system's clock: if a file is written to within it, its time differs afterwards.
QUIET_SECONDS: Final = 0.01
# Enough for ten seconds; DuckDB rewrites the main file (a checkpoint) every 16 MB of new rows, mostly within 0.1 s.
ATTEMPTS: Final = 500
# A separate process copies, because a process that closes any handle of a locked file loses its lock, and the reader may be
# a thread of the process that writes. On file systems that can (btrfs, XFS, APFS), the copy shares the blocks.
COPY: Final = {"linux": ("cp", "--reflink=auto"), "darwin": ("cp", "-c")}.get(sys.platform, ("cp",))

# Modification time, size and number of each of a store's files; None for one that does not exist.
State = tuple[tuple[int, int, int] | None, ...]


def copy_files(path: Path, folder: Path) -> Path:
    """Copy the files of the store at this resolved path into the folder; return the copy's path.

    Raises OSError if the copy cannot be written, and StoreError if the store is rewritten faster than it can be copied.
    """
    # The log first: everything that it refers to is in the main file by then.
    files = [path.with_name(path.name + ending) for ending in (*COMPANIONS[1:], "")]
    for _ in range(ATTEMPTS):
        before = _state(files)
        time.sleep(QUIET_SECONDS)
        if _rewritten(before, _state(files)):
            continue
        existing = [file for file, state in zip(files, before, strict=True) if state]
        done = subprocess.run([*COPY, *existing, folder], capture_output=True, text=True, check=False)
        if _rewritten(before, _state(files)):
            for file in folder.iterdir():
                file.unlink()
        elif done.returncode:
            raise OSError(done.stderr.strip())
        else:
            return folder / path.name
    raise StoreError(f"{path}: is written faster than it can be copied. Run the same command again.", busy=True)


def state(path: Path) -> State:
    """Return a value that changes with every commit to the store at this resolved path. Opens no file."""
    return _state([path.with_name(path.name + ending) for ending in COMPANIONS])


def _state(files: Sequence[Path]) -> State:
    return tuple(map(_stamp, files))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _rewritten(before: State, after: State) -> bool:
    """Return whether files changed in other ways than by new rows at the end of the log, which is the first file."""
    log, later = before[0], after[0]
    appended = log == later or (log and later and log[2] == later[2] and log[1] <= later[1])
    return not appended or before[1:] != after[1:]
