"""Opens a pipeline for one command, and ends the command.

Exit codes: 0 done, 1 internal error, 2 input error, 4 budget spent, 5 store in use, 6 model not serving, 7 store cannot be
read or written, 129, 130 and 143 interrupted.
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
from rlaif.core import safe_output
from rlaif.core.errors import InputError, RlaifError, StoreError
from rlaif.core.signals import STOP

if TYPE_CHECKING:
    from rlaif.config import Config
    from rlaif.context.run import Context


# What a command passes as `allow_code` if it opens no model and trains none, so that no other code can run in it.
OPENS_NO_MODEL: Final = True
# Set, it lets an error through with its traceback.
TRACEBACK: Final = "RLAIF_TRACEBACK"
# Numbers of errors from here on are about connections, below about files.
FIRST_OF_NETWORK: Final = 88


def main() -> None:
    """The `rlaif` command: errors of known kinds print without a traceback."""
    safe_output.install()
    STOP.listen()
    execute()


def execute(arguments: list[str] | None = None) -> None:
    """Run the command that the arguments, or those of the process, name; always ends with SystemExit."""
    try:
        app(arguments)
    except SystemExit as ended:
        # Where a signal ended a command without a session, Typer knows only that it was aborted.
        raise SystemExit(STOP.exit_code if STOP.exit_code and ended.code in (1, 130) else ended.code) from None
    except Exception as error:
        if STOP.caused(error):
            sys.exit(STOP.exit_code)
        if os.environ.get(TRACEBACK) and not isinstance(error, RlaifError):
            raise
        known = error if isinstance(error, RlaifError) else _translated(error)
        print(f"rlaif: {known}", file=sys.stderr)
        sys.exit(known.exit_code)
    finally:
        # Here, and not when the interpreter ends: a closed pipe is no error.
        sys.stdout.flush()


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
    """Open the pipeline and its store for writing; after Ctrl-C, print how to go on and exit.

    Raises InputError where the store must be `filled` by other commands, and there is none.
    """
    from rlaif.config import load
    from rlaif.core.progress import progress
    from rlaif.pipeline import open_run

    config = load(file, overrides, allow_code=allow_code)
    if filled:
        _need_store(config)
    try:
        with open_run(config, progress(quiet=quiet)) as context:
            yield context
    except (KeyboardInterrupt, Exception) as error:
        if not STOP.caused(error):
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
    """Open the pipeline and its store for reading, which other commands may do at the same time."""
    from rlaif.config import load
    from rlaif.context.run import Context
    from rlaif.store.store import Store

    config = load(file, overrides, allow_code=OPENS_NO_MODEL)
    _need_store(config)
    with Store(config.store_path, read_only=True) as store:
        yield Context(config, store)


def _need_store(config: "Config") -> None:
    from rlaif.pipeline import refuse_moved

    refuse_moved(config)
    if not config.store_path.exists():
        fix = f"Run `{config.command('run')}`, or one stage after the other, beginning with `{config.command('collect')}`."
        raise InputError("nothing has been done yet: there is no store", where=str(config.store_path), fix=fix)
