"""Make written files durable, so that a rename that follows never exposes incomplete ones, not even after a power cut."""

import os
from pathlib import Path


def flush(*paths: Path) -> None:
    """Flush files and folders to disk. Flushing a folder makes its list of names durable, not the content of its files."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def flush_all(folder: Path) -> None:
    """Flush a folder with everything below it to disk."""
    flush(*folder.rglob("*"), folder)
