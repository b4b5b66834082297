"""Paths that DuckDB cannot open as a database: it would read part of them as something else, and open another file."""

from pathlib import Path
from typing import Final

from rlaif.errors import InputError

# What follows a question mark is taken for options, and a backslash for a slash.
MISREAD: Final = "?\\\0"


def check_path(path: Path) -> None:
    """Raises InputError for such a path."""
    text, fix = str(path.absolute()), "Rename the folder or the file."
    wrong = next((mark for mark in MISREAD if mark in text), None)
    if wrong is not None:
        raise InputError(f"DuckDB cannot open a database whose path holds {wrong!r}", where=text, fix=fix)
    try:
        text.encode()
    except UnicodeEncodeError:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise InputError("DuckDB cannot open a database whose path is not UTF-8", where=shown, fix=fix) from None
