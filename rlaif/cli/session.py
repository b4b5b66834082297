"""Opens a pipeline for one command, and turns errors and signals into exit codes.

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
    from rlaif.pipeline.plan import Plan


# Passed as `allow_code` by commands that open and train no model, so no code from the pipeline can run in them.
OPENS_NO_MODEL: Final = True
# The variable that, if set, makes unexpected errors print their traceback.
TRACEBACK: Final = "RLAIF_TRACEBACK"
# Error numbers from here on are about connections, lower ones about files.
FIRST_OF_NETWORK: Final = 88


def main() -> None:
    """Run the `rlaif` command. Known errors print without a traceback."""
    safe_output.install()
    try:
        STOP.listen()
        execute()
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    finally:
        # If KeyboardInterrupt has ever left an `exec`, as of a dataclass that is being made, Python ends as if by SIGINT,
        # whatever the exit code. Another `exec` makes it forget that.
        exec("")


def execute(arguments: list[str] | None = None) -> None:
    """Run the command in `arguments` (default: those of the process). Always raises SystemExit."""
    try:
        app(arguments)
    except SystemExit as ended:
        # If a signal ends a command without a session, Typer only reports that it was aborted.
        raise SystemExit(_interrupted() if STOP.exit_code and ended.code in (1, 130) else ended.code) from None
    except Exception as error:
        if STOP.caused(error):
            sys.exit(_interrupted())
        if os.environ.get(TRACEBACK) and not isinstance(error, RlaifError):
            raise
        known = error if isinstance(error, RlaifError) else _translated(error)
        print(f"rlaif: {known}", file=sys.stderr)
        sys.exit(known.exit_code)
    finally:
        # Flush here, not when the interpreter exits, because a closed pipe is not an error.
        sys.stdout.flush()


def _interrupted() -> int:
    """Return the exit code of a process that a signal ends."""
    # From now on, another signal ends the process at once.
    STOP.finish()
    return STOP.exit_code or 130


def _translated(error: Exception) -> RlaifError:
    """Turn an error of the file system, DuckDB or the interpreter into one with a readable message."""
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
        return InputError("there is not enough memory", fix="Use less data, or a machine with more memory.")
    if type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb"):
        return StoreError(f"DuckDB failed: {message}\nIf it reports corruption, restore a copy of the store.")
    return RlaifError(
        f"internal error: {type(error).__name__}: {message}\nThis is a bug in rlaif. Run the command again with "
        f"{TRACEBACK}=1 in the environment and report the traceback, with the version, to the project's issues."
    )


@contextmanager
def session(
    file: Path, overrides: list[str], quiet: bool = True, *, or_copy: bool = False, allow_code: bool = OPENS_NO_MODEL
) -> "Iterator[tuple[Plan, Context]]":
    """Open the pipeline and its store for writing; yield the plan and the run context.

    If another process writes to the store, open a private copy instead with `or_copy`, which discards changes.
    After Ctrl-C, print how to continue, and exit.
    """
    from rlaif.config import load

    with opened(load(file, overrides, allow_code=allow_code), quiet, or_copy=or_copy) as found:
        yield found


@contextmanager
def opened(config: "Config", quiet: bool = True, *, or_copy: bool = False) -> "Iterator[tuple[Plan, Context]]":
    """Do the same for a configuration that is loaded already."""
    from rlaif.core.progress import progress
    from rlaif.pipeline import open_run, open_run_or_copy

    opening = open_run_or_copy if or_copy else open_run
    with stopping(config), opening(config, progress(quiet=quiet)) as found:
        yield found


@contextmanager
def copied(file: Path, overrides: list[str], quiet: bool = True) -> "Iterator[tuple[Plan, Context]]":
    """Open the pipeline and a private copy of its store, even during a run: for commands that make pairs to read them."""
    from rlaif.config import load
    from rlaif.core.progress import progress
    from rlaif.pipeline import open_copy

    config = load(file, overrides, allow_code=OPENS_NO_MODEL)
    with stopping(config), open_copy(config, progress(quiet=quiet)) as opened:
        yield opened


@contextmanager
def stopping(config: "Config | None" = None) -> "Iterator[None]":
    """Print how to continue after Ctrl-C, and exit."""
    try:
        yield
    except (KeyboardInterrupt, Exception) as error:
        if not STOP.caused(error):
            raise
        STOP.finish()
        _stopped(config)
        raise typer.Exit(STOP.exit_code or 130) from None


def _stopped(config: "Config | None") -> None:
    again = shlex.join(["rlaif", *sys.argv[1:]])
    print(f"\nStopped. Finished work is kept. To continue, run the same command: {again}", file=sys.stderr)
    if config and any(config.batches.glob("*.json")):
        print("Batches that were sent keep running at the vendor; that command collects their results.", file=sys.stderr)


@contextmanager
def reading(file: Path, overrides: list[str]) -> "Iterator[Context]":
    """Open the pipeline and its store for reading, even while another command uses the store."""
    from rlaif.config import load
    from rlaif.pipeline import open_reading

    with open_reading(load(file, overrides, allow_code=OPENS_NO_MODEL)) as context:
        yield context
