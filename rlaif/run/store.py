"""A pipeline's store, opened for a run, and what it holds."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from rlaif import __version__
from rlaif.changes import changes
from rlaif.config import Config
from rlaif.context import Context, now
from rlaif.progress import Progress, Quiet
from rlaif.spent import spent_in_all
from rlaif.store import Row, Store


@contextmanager
def opened(config: Config, progress: Progress | None = None) -> Iterator[Context]:
    """The pipeline's store, opened for writing, with this run written down in it."""
    with Store(config.store_path) as store:
        run = f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        resolved = config.pipeline.model_dump_json()
        progress = progress or Quiet()
        for line in changes(config, store):
            progress.note(line)
        store.append("runs", [{
            "key": run, "version": __version__, "started": now(), "config": resolved,
            "command": config.command("run"),
        }])  # fmt: skip
        yield Context(config, store, run, progress)


def status(config: Config, store: Store) -> dict[str, list[Row]]:
    """What the store holds, and what each stage has done and cost so far."""
    found = {name: store.query(f"status/{name}") for name in ("holds", "work", "failures", "remarks")}
    return found | {"spent": [asdict(row) for row in spent_in_all(store, config)]}


def resolved(config: Config) -> str:
    """The whole configuration as JSON, defaults filled in."""
    return json.dumps(config.pipeline.model_dump(mode="json"), indent=2)
