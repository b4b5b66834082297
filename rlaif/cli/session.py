"""A pipeline opened for one command, and how the command ends.

Exit codes: 0 done, 1 an error of rlaif's own, 2 a mistake in what was given, 4 the budget is spent, 5 the store is in
use, 6 a model refuses to serve, 7 the store cannot be read or written, 129, 130 and 143 interrupted.
"""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rlaif import safe_output
from rlaif.cli.app import app
from rlaif.errors import RlaifError
from rlaif.stop import STOP

if TYPE_CHECKING:
    from rlaif.config import Config
    from rlaif.context import Context


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
        if not isinstance(error, RlaifError):
            raise
        print(f"rlaif: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    finally:
        # Here, and not when the interpreter ends: a closed pipe is no error.
        sys.stdout.flush()


@contextmanager
def session(file: Path, overrides: list[str], quiet: bool = True, *, filled: bool = False) -> "Iterator[Context]":
    """The pipeline with its store to write to; when it is told to stop, the command says how to go on, and ends.

    Raises StoreError where the store must be `filled` by other commands, and there is none.
    """
    from rlaif.config import load
    from rlaif.progress import progress
    from rlaif.run import opened
    from rlaif.store import must_exist

    config = load(file, overrides)
    if filled:
        must_exist(config.store_path)
    try:
        with opened(config, progress(quiet=quiet)) as context:
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
    """The pipeline with its store to read from, which others may do at the same time."""
    from rlaif.config import load
    from rlaif.context import Context
    from rlaif.store import Store

    config = load(file, overrides)
    with Store(config.store_path, read_only=True) as store:
        yield Context(config, store)
