"""What every stage is given: the pipeline, the store, and where to show its progress."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from rlaif.config import Config
from rlaif.context.budget import Budget
from rlaif.context.spending import Spent, spent_on_tasks
from rlaif.core.progress import Progress, Quiet, Tally
from rlaif.store.store import Store


@dataclass(frozen=True)
class HeldOut:
    """The prompts kept for evaluation: a share of all, and the first `limit` of them; of each the first `samples` responses.

    None takes all.
    """

    share: float
    limit: int | None = None
    samples: int | None = None

    @property
    def parameters(self) -> dict[str, int | None]:
        """What queries over prompts call it; a prompt is held out if its bucket is below `held_out`."""
        return {"held_out": round(self.share * 10000), "limit": self.limit, "samples": self.samples}


# How often one unit is tried, over all runs: what fails again and again is left alone, until somebody asks for it again.
ATTEMPTS = 3

# No bucket reaches it, so that it means all prompts.
EVERYTHING = HeldOut(1.0)


@dataclass(frozen=True)
class Context:
    """One run of a pipeline. `run` names it in the store; a model is always opened through the models folder."""

    config: Config
    store: Store
    run: str = ""
    progress: Progress = field(default_factory=Quiet)
    elsewhere: Sequence[Spent] = ()
    """What the same budget has paid for in other stores."""

    @cached_property
    def budget(self) -> Budget:
        """What this run may still spend; all its stages share it."""
        return Budget(self.config, self.store, [*self.elsewhere, *spent_on_tasks(self.config)])

    @contextmanager
    def stage(self, name: str, owed: int | None = None) -> Iterator[Tally]:
        """Counts and shows one stage's work, and records it in the store, also when it stops half-way."""
        tally = Tally(name, owed)
        started = now()
        if owed == 0:
            self.progress.note(f"{name}: up to date")
            yield tally
            return
        try:
            with self.progress.show(tally):
                yield tally
        finally:
            if tally.done or tally.failed or tally.calls:
                self.store.append("stage_runs", [{
                    "run": self.run, "stage": name, "started": started, "seconds": tally.seconds,
                    "done": tally.done, "failed": tally.failed, "calls": tally.calls,
                    "prompt_tokens": tally.prompt_tokens, "output_tokens": tally.output_tokens,
                }])  # fmt: skip


def now() -> datetime:
    """The time for records, UTC without zone, as the store keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
