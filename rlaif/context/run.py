"""The context that every stage receives: the pipeline, the store, and where to show progress."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from rlaif.config import Config
from rlaif.context.budget import Budget
from rlaif.context.facts import Facts, StoredFacts
from rlaif.context.spending import Spent, spent, spent_on_tasks
from rlaif.core.progress import Progress, Quiet, Tally, counting
from rlaif.core.types import buckets
from rlaif.store.store import Store


@dataclass(frozen=True)
class HeldOut:
    """The prompts kept for evaluation: a share of all, of these the first `limit`; of each the first `samples` responses.

    None means no limit. Of these responses, judges score only `answers` (keys) if they are given.
    """

    share: float
    limit: int | None = None
    samples: int | None = None
    answers: tuple[str, ...] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """Return it as parameters of queries over prompts; a prompt is held out if its bucket is below `held_out`."""
        answers = None if self.answers is None else list(self.answers)
        return {"held_out": buckets(self.share), "limit": self.limit, "samples": self.samples, "answers": answers}


# How often one unit is tried, over all runs. Units that fail more often stay failed until `rlaif retry`.
ATTEMPTS = 3

# All prompts: every bucket is below this share.
EVERYTHING = HeldOut(1.0)


@dataclass(frozen=True)
class Context:
    """One run of a pipeline; `run` is its key in the store."""

    config: Config
    store: Store
    run: str = ""
    progress: Progress = field(default_factory=Quiet)
    elsewhere: Sequence[Spent] = ()
    """Spending from the same budget in other stores."""

    @cached_property
    def budget(self) -> Budget:
        """The budget of this run, shared by all its stages."""
        here = partial(spent, self.store, self.config.pipeline)
        return Budget(self.config, here, [*self.elsewhere, *spent_on_tasks(self.config)])

    @property
    def facts(self) -> Facts:
        """The facts of the store that judges read and append."""
        return StoredFacts(self.store)

    @contextmanager
    def stage(self, name: str, pending: int | None = None) -> Iterator[Tally]:
        """Count and show one stage's work, and record it in the store, even if it stops early.

        The second argument is the number of pending units, None if it is not known.
        """
        tally = Tally(name, pending)
        started = now()
        if pending == 0:
            self.progress.note(f"{name}: up to date")
            yield tally
            return
        try:
            with counting(tally), self.progress.show(tally):
                yield tally
        finally:
            if tally.done or tally.failed or tally.calls:
                self.store.append(
                    "stage_runs",
                    [
                        {
                            "run": self.run,
                            "stage": name,
                            "started": started,
                            "seconds": tally.seconds,
                            "done": tally.done,
                            "failed": tally.failed,
                            "calls": tally.calls,
                            "prompt_tokens": tally.prompt_tokens,
                            "output_tokens": tally.output_tokens,
                        }
                    ],
                )


def now() -> datetime:
    """Return the time for records: UTC without a time zone, as the store keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
