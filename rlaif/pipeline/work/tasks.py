"""How the units of each kind are done: by the same functions as in a run on one machine."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from rlaif.config import ModelConfig
from rlaif.context.metering import Metering
from rlaif.core.errors import ModelError
from rlaif.core.progress import Tally
from rlaif.core.types import key, stored
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.judge import Judge
from rlaif.models.base import AlwaysOpen, ChatRequest, Model
from rlaif.models.registry import Models
from rlaif.pipeline import pairwise
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.judge_factory import build_judge_context
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.stages import judge as judging
from rlaif.pipeline.unit_results import UnitResult
from rlaif.pipeline.work.folder import Kind, Row, Task
from rlaif.pipeline.work.frozen import maker_of


@dataclass(frozen=True)
class Performer:
    """Does the units of one task, at most `concurrency` at once. `guess` estimates completions, prompt and output tokens."""

    model: ModelConfig | None
    concurrency: int
    do: Callable[[Row], Awaitable[UnitResult]]
    guess: Callable[[Row], tuple[int, float, float]]
    context: JudgeContext | None = None
    """The context of a judge."""


async def open_task(
    plan: Plan,
    task: Task,
    context: Metering,
    models: Models,
    tally: Tally,
    *,
    allow_code: bool = False,
    retries: bool = True,
) -> Performer:
    """Open the models of a task. Without `retries`, an invalid verdict is a failure at once."""
    maker = maker_of(plan, task)
    if isinstance(maker, Generator):
        return _sampling(maker, await models.get(maker.model, where=maker.where), tally)
    ready = await build_judge_context(context, models, maker, allow_code, tally)
    if not retries:
        ready = replace(ready, spec=ready.spec.model_copy(update={"attempts": 1}))
    return comparing(maker, ready, tally) if task.kind == "compare" else scoring(maker, ready, tally)


def _sampling(generator: Generator, model: Model, tally: Tally) -> Performer:
    return Performer(
        generator.model,
        model.concurrency,
        lambda row: generating.sample_unit(row, generator, model, tally),
        lambda row: generating.estimate_unit(row, generator),
    )


def scoring(judge: Judge, ready: JudgeContext, tally: Tally) -> Performer:
    """Return how a judge's calls are done."""

    def unit(row: Row) -> judging.Unit:
        return judging.Unit(Candidate(stored(row), row["text"]), row["call"], row["repeat"], row["attempt"])

    return Performer(
        judge.model,
        ready.model.concurrency if ready.model else judging.CHECK_CONCURRENCY,
        lambda row: judging.judge_unit(unit(row), judge, ready, tally),
        lambda row: judging.estimate_unit(unit(row), judge),
        ready,
    )


def comparing(judge: Judge, ready: JudgeContext, tally: Tally) -> Performer:
    """Return how a judge's comparisons are done."""

    return Performer(
        judge.model,
        ready.model.concurrency if ready.model else 1,
        lambda row: pairwise.compare_unit(row, judge, ready, tally),
        lambda row: pairwise.estimate_unit(row, judge, ready),
        ready,
    )


def unit_key(kind: Kind, maker: Generator | Judge, row: Row) -> str:
    """Return the content key of a unit: what is done, by whom, and which attempt it is."""
    if kind == "sample":
        return key("unit", kind, maker.key, row["prompt"], row["samples"], row["attempt"])
    if kind == "score":
        assert isinstance(maker, Judge)
        call = maker.calls[row["call"]].keys
        return key("unit", kind, maker.key, call, row["answer"], row["repeat"], row["attempt"])
    return key("unit", kind, maker.key, row["criterion"], row["first"], row["second"], row["repeat"], row["attempt"])


class CaptureModel(AlwaysOpen):
    """A model that sends nothing: it keeps the request and fails."""

    concurrency = 1

    def __init__(self) -> None:
        self.request: ChatRequest | None = None

    async def complete(self, request: ChatRequest) -> list[Any]:
        self.request = request
        raise ModelError("rejected", "captured, not sent")
