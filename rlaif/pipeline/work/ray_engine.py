"""Workers on a Ray cluster: each is an actor that works like `rlaif work --worker I/N` on the shared folder.

Ray starts an actor again, on another node if need be, when its process or node dies; it continues with the units that have
no result. The driver holds no state either: a new one does what is missing.
"""

import os
import socket
import time
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rlaif.config import VllmModel
from rlaif.core.errors import InputError, RlaifError, StoreError
from rlaif.core.progress import Progress, Quiet, Tally
from rlaif.core.signals import STOP
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.work.folder import Work, read_work
from rlaif.pipeline.work.frozen import thaw
from rlaif.pipeline.work.share import Share
from rlaif.pipeline.work.worker import work

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds between looks at the folder, and for which a worker waits for a process that Ray has given up and that still works.
LOOK, PATIENCE = 1.0, 60.0
# Seconds to wait for a connection to a cluster.
CONNECT: Final = 10.0
# For a cluster that this process starts: Ray must send no usage statistics, because nothing leaves the machine but calls to
# configured endpoints; and its workers get as much processor time as other programs.
_STARTED: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}


class WorkerError(RlaifError):
    """An error of a worker on another machine, with its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Worker:
    """One worker, as an actor."""

    def work(self, folder: str, index: int, count: int, home: str, allow_code: bool) -> tuple[str, int]:
        """Do this worker's share; return an error's message and exit code, or an empty message."""
        with suppress(OSError):
            # Checkpoints may be named relative to the working directory.
            os.chdir(home)
        late = time.monotonic() + PATIENCE
        while True:
            try:
                work(Path(folder), Share(index, count), allow_code=allow_code)
            except RlaifError as error:
                if isinstance(error, StoreError) and error.busy and time.monotonic() < late:
                    time.sleep(LOOK)
                    continue
                return str(error), error.exit_code
            return "", 0


def work_on_ray(
    folder: Path,
    *,
    address: str = "auto",
    workers: int | None = None,
    allow_code: bool = False,
    progress: Progress | None = None,
) -> None:
    """Do the units of a folder, which all nodes share, with workers on a Ray cluster; by default one per node.

    `address` is that of the cluster, "auto" for the one that runs here, or "local" to start one. Raises InputError if there
    is none, and WorkerError once all workers have ended if one of them failed.
    """
    folder = folder.resolve()
    manifest = read_work(folder)
    plan = thaw(folder, manifest, allow_code=allow_code)
    with _cluster(address) as ray:
        count = workers or max(1, sum(node["Alive"] for node in ray.nodes()))
        kind = ray.remote(num_cpus=1, num_gpus=_gpus(plan), max_restarts=-1, max_task_retries=-1)(Worker)
        actors = [kind.options(scheduling_strategy="SPREAD").remote() for _ in range(count)]
        here = str(Path.cwd())
        calls = [actor.work.remote(str(folder), at, count, here, allow_code) for at, actor in enumerate(actors)]
        errors = _wait(ray, calls, folder, manifest, progress or Quiet())
    if errors:
        raise WorkerError(*errors[0])


def _wait(ray: Any, calls: "Sequence[Any]", folder: Path, manifest: Work, progress: Progress) -> list[tuple[str, int]]:
    """Wait for the workers, and show how many units are in finished files; return their errors."""
    tally = Tally("work", sum(shard.outcomes for task in manifest.tasks for shard in task.shards))
    open_shards = [shard for task in manifest.tasks for shard in task.shards]
    left, errors = list(calls), []
    with progress.show(tally):
        while left:
            STOP.check()
            done, left = ray.wait(left, num_returns=1, timeout=LOOK)
            errors += [found for found in ray.get(done) if found[1]]
            finished = [shard for shard in open_shards if (folder / "results" / f"{shard.name}.parquet").exists()]
            open_shards = [shard for shard in open_shards if shard not in finished]
            tally.add(done=sum(shard.outcomes for shard in finished))
    return errors


@contextmanager
def _cluster(address: str) -> "Iterator[Any]":
    """Connect to a cluster, or start one on this machine."""
    for name, value in _STARTED.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("the engine ray needs Ray", where="--engine", fix="Run `pip install 'rlaif[ray]'`.") from None
    try:
        _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level="error", include_dashboard=None)
    except (OSError, ValueError) as error:
        fix = "Start one with `ray start --head`, or start one for this command with the address local."
        what = f"no Ray cluster at {address!r}: {str(error).splitlines()[0]}"
        raise InputError(what, where="--address", fix=fix) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Connect to the address once, if it has a port, because Ray waits for minutes. Raises OSError if nothing listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT).close()


def _gpus(plan: Plan) -> int:
    """Return the number of GPUs of a worker: those of the largest vLLM server that it starts."""
    models = plan.config.pipeline.models.values()
    return max((each.tensor_parallel * each.data_parallel for each in models if isinstance(each, VllmModel)), default=0)
