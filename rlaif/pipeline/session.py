"""Open a pipeline's store for a run, and report what it holds."""

import json
import os
import secrets
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import duckdb

from rlaif import __version__
from rlaif.config import Config
from rlaif.context.run import Context, now
from rlaif.context.spending import spent_in_all
from rlaif.core.errors import InputError, StoreError
from rlaif.core.progress import Progress, Quiet
from rlaif.pipeline.config_diff import changes
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.resolve import resolve
from rlaif.store.connection import connect
from rlaif.store.store import Row, Store

_LAST = "SELECT command FROM runs WHERE command IS NOT NULL ORDER BY rowid DESC LIMIT 1"


def refuse_moved(config: Config) -> None:
    """Check that the pipeline's store is not where earlier versions of rlaif put it. Raises InputError if it is.

    Earlier versions resolved `out` against the working directory. A new store would pay again for everything in the old one.
    """
    new, old = config.out, config.out_from_here
    if config.store_path.exists() or old == new or not (old / "store.duckdb").exists() or not _is_of(config, old):
        return
    raise InputError(
        f"`out` is {new}, which has no store; the store of this pipeline is in {old}, because earlier versions of rlaif "
        "took `out` from the working directory and not from the folder of the file",
        where=config.file.where(("out",)),
        fix=f"To keep using that store and pay for nothing twice, run `{_move(old, new)}`, or write "
        f"`out: {os.path.relpath(old, config.file.path.parent.resolve())}` into the file.",
    )


def _move(old: Path, new: Path) -> str:
    folder = "" if new.parent.exists() else shlex.join(["mkdir", "-p", str(new.parent)]) + " && "
    return folder + shlex.join(["mv", str(old), str(new)])


def _is_of(config: Config, folder: Path) -> bool:
    """Return whether the store in this folder belongs to this pipeline file or might; other files may have the same name."""
    try:
        connection = connect(folder / "store.duckdb", True)
        with connection:
            rows = connection.execute(_LAST).fetchall()
    except (StoreError, duckdb.Error):
        return True
    words = shlex.split(rows[0][0]) if rows else []
    return len(words) < 3 or Path(words[2]).resolve() == config.file.path.resolve()


@contextmanager
def open_run(config: Config, progress: Progress | None = None) -> Iterator[tuple[Plan, Context]]:
    """Resolve the pipeline, open its store for writing and record this run in it; yield the plan and the run context.

    Raises InputError if the store is where earlier versions of rlaif put it (see `refuse_moved`).
    """
    refuse_moved(config)
    plan = resolve(config)
    with Store(config.store_path) as store:
        yield plan, _begin(plan, store, progress or Quiet())


@contextmanager
def open_copy(config: Config, progress: Progress | None = None) -> Iterator[tuple[Plan, Context]]:
    """Do the same with a private copy of the store, even during a run: changes to it are discarded at the end.

    Commands that need pairs, but should store nothing, make them in it. Raises InputError if the store does not exist.
    """
    need_store(config)
    plan = resolve(config)
    with Store(config.store_path, private=True) as store:
        yield plan, _begin(plan, store, progress or Quiet())


@contextmanager
def open_run_or_copy(config: Config, progress: Progress | None = None) -> Iterator[tuple[Plan, Context]]:
    """Open the store for writing or, if another process writes to it, a private copy."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open_run(config, progress))
        except StoreError as error:
            if not error.busy:
                raise
            opened = stack.enter_context(open_copy(config, progress))
        yield opened


def _begin(plan: Plan, store: Store, progress: Progress) -> Context:
    """Record a run in the store, and note how the configuration differs from the last one."""
    config = plan.config
    run = f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    for line in changes(plan, store):
        progress.note(line)
    resolved = config.pipeline.model_dump_json()
    store.append(
        "runs",
        [{"key": run, "version": __version__, "started": now(), "config": resolved, "command": config.command("run")}],
    )
    return Context(config, store, run, progress)


@contextmanager
def open_reading(config: Config) -> Iterator[Context]:
    """Open the store for reading, even during a run; yield the run context. Raises InputError if it does not exist."""
    need_store(config)
    with Store(config.store_path, read_only=True) as store:
        yield Context(config, store)


def need_store(config: Config) -> None:
    """Check that the pipeline's store exists. Raises InputError otherwise."""
    refuse_moved(config)
    if not config.store_path.exists():
        fix = f"Run `{config.command('run')}`, or run the stages one by one, starting with `{config.command('collect')}`."
        raise InputError("nothing has been done yet: the store does not exist", where=str(config.store_path), fix=fix)


def status(config: Config, store: Store) -> dict[str, list[Row]]:
    """Return the store's counts, and the work, failures and cost of each stage so far."""
    queries = {"holds": "counts", "work": "stage_runs", "failures": "failures", "remarks": "server_observations"}
    found = {name: store.query(f"pipeline/sql/status/{query}") for name, query in queries.items()}
    return found | {"spent": [asdict(row) for row in spent_in_all(store, config)]}


def config_json(config: Config) -> str:
    """Return the whole configuration as JSON, with defaults filled in."""
    return json.dumps(config.pipeline.model_dump(mode="json"), indent=2)
