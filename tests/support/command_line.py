"""The `rlaif` command in this process: what a process of its own would print, without the second that one takes to start."""

import io
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from rlaif.cli import app  # noqa: F401  (registers the commands)
from rlaif.cli.session import execute
from rlaif.core.safe_output import safe


@dataclass(frozen=True)
class Finished:
    returncode: int
    stdout: str
    stderr: str


def rlaif(*arguments: str, folder: Path | None = None, said: str = "") -> Finished:
    """Run a command in `folder`, with `said` as its input."""
    out, err = io.BytesIO(), io.BytesIO()
    streams = [safe(io.TextIOWrapper(raw, encoding="utf-8", write_through=True), results=True) for raw in (out, err)]
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(said), *streams  # type: ignore[assignment]
    try:
        with chdir(folder or Path.cwd()):
            execute(list(arguments))
    except SystemExit as ended:
        return Finished(int(ended.code or 0), out.getvalue().decode(), err.getvalue().decode())
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
    raise AssertionError("a command always ends with SystemExit")
