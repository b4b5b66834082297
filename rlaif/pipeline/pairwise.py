"""Pairwise judging: the criteria of kind `compare`, by which a judge compares two responses at a time.

Comparisons start when generation has finished, because the schedule depends on all responses of a prompt.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rlaif.config import ModelConfig
from rlaif.context.budget import OUTPUT_SHARE, tokens_of
from rlaif.context.run import Context, now
from rlaif.core.progress import Tally
from rlaif.core.signals import STOP, UnsentError
from rlaif.core.types import Comparison, key, stored
from rlaif.core.workers import run_workers
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria.compare import TEMPLATES, compare
from rlaif.judging.rubric import Compare
from rlaif.pipeline.circuit_breaker import CircuitBreaker
from rlaif.pipeline.pending import PendingUnits
from rlaif.store.store import Row


@dataclass(frozen=True)
class Comparing:
    """The pairwise part of a judge (a key). `judge_context` opens its models; it is called only if anything is pending."""

    judge: str
    criteria: Mapping[str, Compare]
    model: ModelConfig | None
    judge_context: Callable[[Tally], Awaitable[JudgeContext]]


def schedules(criteria: Iterable[Compare]) -> list[Row]:
    """Return the criteria as a parameter of the query for pending comparisons."""
    return [{"criterion": criterion.key, "schedule": criterion.schedule} for criterion in criteria]


async def run(context: Context, stage: str, who: Comparing, **wanted: Any) -> None:
    """Run the pending comparisons. In a knock-out, each round is scheduled from the results of the one before."""
    rounds = any(criterion.schedule == "knock_out" for criterion in who.criteria.values())
    more = bool(who.criteria)
    while more:
        pending = PendingUnits(context.store, "pairwise", "prompt", criteria=schedules(who.criteria.values()), **wanted)
        with context.stage(stage, pending.count) as tally:
            if pending.count:
                await _round(context, who, pending, tally)
        more = rounds and tally.done > 0 and not (STOP.requested or context.budget.stopped)


async def _round(context: Context, who: Comparing, pending: PendingUnits, tally: Tally) -> None:
    judge_context, breaker = await who.judge_context(tally), CircuitBreaker(tally.stage)
    await run_workers(
        context.budget.within(pending, tally, who.model, lambda row: guess(row, who, judge_context)),
        lambda row: compare_unit(row, who, judge_context, tally),
        lambda batch: _keep(context, batch, tally),
        concurrency=judge_context.model.concurrency if judge_context.model else 1,
        on_result=lambda compared: breaker.record(*compared.failed),
    )
    judge_context.report(tally.stage, context.progress.note)
    breaker.finish(
        lambda: context.store.query(
            "SELECT key FROM verdicts WHERE judge = $judge AND failure IS NULL LIMIT 1", judge=who.judge
        )
    )


def guess(row: Row, who: Comparing, judge_context: JudgeContext) -> tuple[int, float, float]:
    """Estimate a unit before anything was measured: one call, its prompt tokens and its output tokens."""
    wording = [judge_context.templates[name].text for name in TEMPLATES] + [who.criteria[row["criterion"]].question]
    shown = [row["messages"], row["document"], row["reference"], row["texts"][row["first"]], row["texts"][row["second"]]]
    return 1, tokens_of(*wording, *shown), judge_context.spec.max_tokens * OUTPUT_SHARE


@dataclass(frozen=True)
class Compared:
    """The rows of one comparison."""

    verdict: Row
    comparison: Row

    @property
    def facts(self) -> dict[str, list[Row]]:
        """The rows to store, by table."""
        return {"verdicts": [self.verdict], "comparisons": [self.comparison]}

    @property
    def outcomes(self) -> list[Row]:
        """The rows that count as units of work."""
        return [self.verdict]

    @property
    def failed(self) -> tuple[str | None, str | None]:
        """The kind and detail of the failure, if it failed."""
        return self.verdict["failure"], self.verdict["detail"]


async def compare_unit(row: Row, who: Comparing, judge_context: JudgeContext, tally: Tally) -> Compared:
    """Make one comparison. Raises ModelError only for fatal kinds."""
    prompt = stored(row)
    first, second = (Candidate(prompt, row["texts"][row[side]]) for side in ("first", "second"))
    tally.add(calls=1)
    try:
        verdict = await compare(first, second, who.criteria[row["criterion"]], row["repeat"], judge_context)
    except UnsentError:
        tally.add(calls=-1)
        raise
    # One call was counted at the start.
    tally.add(calls=verdict.calls - 1)
    unit = {"judge": who.judge, "repeat": row["repeat"], "attempt": row["attempt"]}
    two = {"prompt": row["prompt"], "first": row["first"], "second": row["second"], "criterion": row["criterion"]}
    name = key("comparison", who.judge, *two.values(), row["repeat"], row["attempt"])
    record = unit | verdict.stored_fields | {"key": name, "created": now()}
    return Compared(record, unit | two | {"verdict": name} | asdict(verdict.comparison or Comparison()))


def _keep(context: Context, batch: list[Compared], tally: Tally) -> None:
    with context.store.transaction():
        context.store.append("verdicts", [compared.verdict for compared in batch])
        context.store.append("comparisons", [compared.comparison for compared in batch])
    for compared in batch:
        tally.finish(compared.verdict)
