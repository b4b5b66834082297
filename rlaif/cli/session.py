"""A pipeline opened for one command, and how the command ends.

Exit codes: 0 done, 1 internal error, 2 a mistake in the input, 4 the budget is spent, 5 the store is in use, 6 a model
refuses to serve, 7 the store cannot be read or written, 129, 130 and 143 interrupted.
"""

import errno
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from rlaif.cli.app import app
from rlaif.errors import InputError, RlaifError, StoreError
from rlaif.legible import visible
from rlaif.stop import STOP

if TYPE_CHECKING:
    from rlaif.config import Config
    from rlaif.context import Context


# What a command passes as `allow_code` if it opens no model and trains none, so that no other code can run in it.
OPENS_NO_MODEL: Final = True
# Set, it lets an error through with its traceback.
TRACEBACK: Final = "RLAIF_TRACEBACK"
# Numbers of errors from here on are about connections, below about files.
FIRST_OF_NETWORK: Final = 88


def main() -> None:
    """The `rlaif` command: errors of known kinds print without a traceback."""
    STOP.listen()
    try:
        app()
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        known = error if isinstance(error, RlaifError) else _translated(error)
        print(f"rlaif: {visible(str(known))}", file=sys.stderr)
        sys.exit(known.exit_code)


def _translated(error: Exception) -> RlaifError:
    """What files, disks, DuckDB or deep data can raise anywhere, as an error with a sentence; else an internal error."""
    message = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    where = str(getattr(error, "filename", None) or "")
    if isinstance(error, OSError):
        why = error.strerror or message
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            return StoreError(f"{where or 'disk'}: the disk is full: {why}. Free some space and run the same command.")
        if error.errno is not None and error.errno < FIRST_OF_NETWORK:
            return InputError(f"cannot be read or written: {why}", where=where, fix="Check the path and its permissions.")
    if isinstance(error, UnicodeDecodeError):
        return InputError(f"a file is not UTF-8: {error.reason} at byte {error.start + 1}", where=where)
    if isinstance(error, RecursionError):
        return InputError("a value in the input is nested too deeply", fix="Flatten the data.")
    if isinstance(error, MemoryError):
        return InputError("there is not enough memory for this", fix="Use less data at once, or a machine with more memory.")
    if type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb"):
        return StoreError(f"DuckDB cannot finish this: {message}\nIf it reports damage, restore a copy of the store.")
    return RlaifError(
        f"internal error: {type(error).__name__}: {message}\nThis is a bug in rlaif. Run the command again with "
        f"{TRACEBACK}=1 in the environment and report the traceback, with the version, to the project's issues."
    )


@contextmanager
def session(
    file: Path, overrides: list[str], quiet: bool = True, *, filled: bool = False, allow_code: bool = OPENS_NO_MODEL
) -> "Iterator[Context]":
    """The pipeline with its store to write to; when it is told to stop, the command says how to go on, and ends.

    Raises StoreError where the store must be `filled` by other commands, and there is none.
    """
    from rlaif.config import load
    from rlaif.progress import progress
    from rlaif.run import opened
    from rlaif.store import must_exist

    config = load(file, overrides, allow_code=allow_code)
    if filled:
        must_exist(config.store_path)
    try:
        with opened(config, progress(quiet=quiet)) as context:
            yield context
    except (KeyboardInterrupt, RuntimeError) as error:
        # DuckDB makes a RuntimeError of an interrupt in the middle of a query.
        if isinstance(error, RuntimeError) and not STOP.asked:
            raise
        STOP.over()
        _stopped(config)
        raise typer.Exit(STOP.exit_code or 130) from None


def _stopped(config: "Config") -> None:
    again = shlex.join(["rlaif", *sys.argv[1:]])
    print(f"\nStopped. All that was finished is kept; the same command goes on from there: {again}", file=sys.stderr)
    if any(config.batches.glob("*.json")):
        print("Batches that were sent go on at the vendor; that command takes their answers.", file=sys.stderr)


@contextmanager
def reading(file: Path, overrides: list[str]) -> "Iterator[Context]":
    """The pipeline with its store to read from, which others may do at the same time."""
    from rlaif.config import load
    from rlaif.context import Context
    from rlaif.store import Store

    config = load(file, overrides, allow_code=OPENS_NO_MODEL)
    with Store(config.store_path, read_only=True) as store:
        yield Context(config, store)
