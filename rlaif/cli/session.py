"""Opens a pipeline for one command, and ends the command.

Exit codes: 0 done, 1 internal error, 2 input error, 4 budget spent, 5 store in use, 6 model not serving, 7 store cannot be
read or written, 129, 130 and 143 interrupted.
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
    """Open the pipeline and its store for writing; after Ctrl-C, print how to go on and exit.

    Raises InputError where the store must be `filled` by other commands, and there is none.
    """
    from rlaif.config import load
    from rlaif.progress import progress
    from rlaif.run import opened

    config = load(file, overrides)
    if filled:
        _need_store(config)
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
    """Open the pipeline and its store for reading, which other commands may do at the same time."""
    from rlaif.config import load
    from rlaif.context import Context
    from rlaif.store import Store

    config = load(file, overrides)
    _need_store(config)
    with Store(config.store_path, read_only=True) as store:
        yield Context(config, store)


def _need_store(config: "Config") -> None:
    from rlaif.errors import InputError
    from rlaif.run import refuse_moved

    refuse_moved(config)
    if not config.store_path.exists():
        fix = f"Run `{config.command('run')}`, or one stage after the other, beginning with `{config.command('collect')}`."
        raise InputError("nothing has been done yet: there is no store", where=str(config.store_path), fix=fix)
