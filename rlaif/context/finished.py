"""Recognize a run that would find everything up to date, before it opens the store.

At the end of a run that left nothing pending, `keep` writes its result to `finished.json` in the output folder, with a
digest of everything that the run depends on: rlaif itself, the configuration, the state of every file that the pipeline
names, and the state of all other files in the output folder, the store among them. As long as the digest is the same, `find`
returns that result. Whatever changes, from a template to a deleted report, makes the next run ask the store as usual.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rlaif import __version__
from rlaif.config import Config, short
from rlaif.config.resources import stamp
from rlaif.core.types import key

NAME: Final = "finished.json"
PACKAGE: Final = Path(__file__).parents[1]
_PATTERN: Final = frozenset("*?[")


def find(config: Config) -> dict[str, Any] | None:
    """Return the result of the finished run, or None if anything that it depends on has changed since."""
    try:
        kept = json.loads((config.out / NAME).read_bytes())
        files = {Path(name): state for name, state in kept["files"].items()}
        same = _plain(config) and kept["key"] == _key(config, files)
        # Only now, because the key shows that the paths are those of a run with this folder.
        same = same and all(stamp(path) == state for path, state in files.items())
        return dict(kept["result"]) if same else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def keep(config: Config, result: dict[str, Any], used: Mapping[Path, str]) -> None:
    """Keep the result of a run that left nothing pending. Call this as soon as the store is closed.

    `used` are the files that the run has used, as `looked_for` returns them.
    """
    closed = time.time_ns()
    if not _plain(config) or config.store_path.with_name(f"{config.store_path.name}.wal").exists():
        return
    # What is in the output folder is stamped as a whole, in its state at the end of the run.
    files = {path: state for path, state in used.items() if not path.is_relative_to(config.out)}
    kept = {"key": _key(config, files), "files": {str(path): state for path, state in files.items()}, "result": result}
    # Another process may have written to the store since it was closed.
    if config.store_path.stat().st_mtime_ns > closed:
        return
    unfinished = config.out / f".{NAME}.{os.getpid()}"
    # On a full disk the next run asks the store.
    with suppress(OSError):
        unfinished.write_text(json.dumps(kept), encoding="utf-8")
        unfinished.replace(config.out / NAME)


def _plain(config: Config) -> bool:
    """Return whether stamps of files show every change: not for data on a hub, patterns of names, tasks and rounds."""
    pipeline, section = config.pipeline, config.pipeline.evaluate
    sources = all(source.path and not _PATTERN.intersection(source.path) for source in pipeline.collect.sources)
    return sources and not (pipeline.rounds or pipeline.run or (section and (section.tasks or section.harness)))


def _key(config: Config, files: dict[Path, str]) -> str:
    parts = (
        [__version__, sys.version, stamp(PACKAGE)],
        # The data card and the report name the command and, relative to the working directory, the folder.
        [config.command("run"), str(config.file.path.absolute()), str(short(config.out)), config.pipeline.model_dump_json()],
        sorted([str(path), state] for path, state in files.items()),
        stamp(config.out, without=NAME),
    )
    # As JSON in ASCII, because paths may be invalid UTF-8.
    return key("finished", json.dumps(parts))
