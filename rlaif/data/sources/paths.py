"""Finds and opens the files of a source: one file, a folder, or a pattern; text files may be compressed."""

import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import rlaif.config.resources as resources
from rlaif.core.errors import InputError

COMPRESSED = (".gz", ".zst")
_PATTERN = frozenset("*?[")


def kind(path: Path) -> str:
    """Return the suffix that names the format: .jsonl for both rows.jsonl and rows.jsonl.gz."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() if last in COMPRESSED else last


def opened(path: Path) -> BinaryIO:
    """Open a file for reading bytes, decompressing it by its suffix. Raises OSError."""
    last = path.suffix.lower()
    if last == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if last == ".zst":
        import pyarrow

        return io.BufferedReader(pyarrow.input_stream(path.open("rb"), compression="zstd"))
    return path.open("rb")


def find_all(name: str, beside: Path, suffixes: Sequence[str], *, where: str) -> list[Path]:
    """Return the files that a path names, in the order of their names. Raises InputError if there are none.

    A file may have a name that looks like a pattern; it is then found before the files that match.
    """
    try:
        path = resources.find(name, beside, where=where)
    except InputError:
        if matching := _matching(name, beside):
            return matching
        raise
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.rglob("*") if each.is_file() and kind(each) in suffixes)
    if not found:
        raise InputError(
            f"the folder {name} holds no file of a known kind", where=where, fix=f"Known: {', '.join(suffixes)}."
        )
    return found


def _matching(pattern: str, beside: Path) -> list[Path]:
    """Return the files that match a relative pattern, in the first of the folders in which there are any."""
    if not _PATTERN.intersection(pattern) or Path(pattern).is_absolute():
        return []
    folders = (beside, beside.parent, Path())
    found = (sorted(path for path in folder.glob(pattern) if path.is_file()) for folder in folders)
    return next(filter(None, found), [])
