"""The share of one of several workers: its shards, and its part of rate limits and budget."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rlaif.config.models import ServedModel
from rlaif.core.errors import InputError, StoreError
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.work.folder import Shard


@dataclass(frozen=True)
class Share:
    """Worker `index` of `count`, which takes every `count`-th shard."""

    index: int
    count: int

    def of(self, shards: Sequence[Shard]) -> list[Shard]:
        """Return this worker's shards."""
        return [shard for shard in shards if int(shard.name) % self.count == self.index]


# A single worker.
WHOLE = Share(0, 1)


def parse_share(text: str) -> Share:
    """Return the share written as I/N, such as 0/4. Raises InputError."""
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    index, count = (int(part) for part in found.groups()) if found else (0, 0)
    if index >= count:
        fix = "Write --worker I/N, such as 0/4 to 3/4 for four workers."
        raise InputError(f"{text!r} is not the number of a worker", where="--worker", fix=fix)
    return Share(index, count)


def limits(plan: Plan, share: Share) -> list[str]:
    """Return overrides of the pipeline that give one of several workers its part of the limits."""
    if share.count == 1:
        return []
    overrides = []
    for name, model in plan.config.pipeline.models.items():
        if isinstance(model, ServedModel):
            caps = {each: getattr(model, each) for each in ("concurrency", "requests_per_minute", "tokens_per_minute")}
            overrides += [f"models.{name}.{each}={max(1, cap // share.count)}" for each, cap in caps.items() if cap]
    if budget := plan.config.pipeline.budget:
        overrides += [f"budget.tokens={max(1, budget.tokens // share.count)}"] if budget.tokens else []
        overrides += [f"budget.usd={budget.usd / share.count!r}"] if budget.usd else []
    return overrides


@contextmanager
def held(folder: Path, share: Share) -> Iterator[None]:
    """Hold a worker's place until the block ends, so that no two processes of a machine do the same shards.

    Raises StoreError if another process works in the folder as the same worker, or as one of another number of workers.
    Where the file system has no locks between machines, only processes of one machine are noticed.
    """
    if sys.platform == "win32":
        yield
        return

    (folder / "results").mkdir(exist_ok=True)
    own = folder / "results" / f".worker-{share.index}-of-{share.count}"
    others = [path for path in own.parent.glob(".worker-*-of-*") if not path.name.endswith(f"-of-{share.count}")]
    for path in others:
        with path.open("a") as file:
            _lock(folder, path, file.fileno())
    with own.open("a") as file:
        _lock(folder, own, file.fileno())
        yield


def _lock(folder: Path, path: Path, descriptor: int) -> None:
    import fcntl

    # Some file systems have no locks.
    with suppress(OSError):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = path.name.removeprefix(".worker-").replace("-of-", "/")
            raise StoreError(
                f"{folder}: another process works here as worker {who}. Start this one with another number out of as many, "
                "such as --worker 1/4, or wait for it.",
                busy=True,
            ) from None
