"""Pairwise judging: the criteria of kind `compare`, by which a judge compares two responses at a time.

Comparisons start when generation has finished, because the schedule depends on all responses of a prompt.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from rlaif.context.budget import OUTPUT_SHARE, tokens_of
from rlaif.context.run import Context, now
from rlaif.core.progress import Tally
from rlaif.core.signals import STOP, UnsentError
from rlaif.core.types import Comparison, key, stored
from rlaif.core.workers import run_workers
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria.compare import TEMPLATES, compare
from rlaif.judging.judge import Judge
from rlaif.judging.rubric import Compare
from rlaif.pipeline.circuit_breaker import VERDICT, CircuitBreaker
from rlaif.pipeline.pending import PendingUnits
from rlaif.pipeline.unit_results import UnitResult, store_results
from rlaif.store.store import Row


def schedules(criteria: Iterable[Compare]) -> list[Row]:
    """Return the criteria as a parameter of the query for pending comparisons."""
    return [{"criterion": criterion.key, "schedule": criterion.schedule} for criterion in criteria]


async def run(
    context: Context,
    judge: Judge,
    open_context: Callable[[Tally], Awaitable[JudgeContext]],
    wanted: Mapping[str, Any],
) -> None:
    """Run the judge's pending comparisons. In a knock-out, each round is scheduled from the results of the one before.

    `open_context` opens the judge's models; it is called only if anything is pending. `wanted` are the parameters of the
    query for pending comparisons, without the criteria.
    """
    criteria = schedules(judge.compared.values())
    rounds = any(criterion["schedule"] == "knock_out" for criterion in criteria)
    more = bool(criteria)
    while more:
        pending = PendingUnits(context.store, "pairwise", "prompt", criteria=criteria, **wanted)
        with context.stage(f"judge {judge.name}", pending.count) as tally:
            if pending.count:
                await _round(context, judge, await open_context(tally), pending, tally)
        more = rounds and tally.done > 0 and not (STOP.requested or context.budget.stopped)


async def _round(context: Context, judge: Judge, judge_context: JudgeContext, pending: PendingUnits, tally: Tally) -> None:
    breaker = CircuitBreaker(tally.stage)
    await run_workers(
        context.budget.within(pending, tally, judge.model, lambda row: estimate_unit(row, judge, judge_context)),
        lambda row: compare_unit(row, judge, judge_context, tally),
        lambda batch: store_results(context.store, batch, tally),
        concurrency=judge_context.model.concurrency if judge_context.model else 1,
        on_result=lambda compared: breaker.record(*compared.failed),
    )
    judge_context.report(tally.stage, context.progress.note)
    breaker.finish(partial(context.store.query, VERDICT, judge=judge.key))


def estimate_unit(row: Row, judge: Judge, judge_context: JudgeContext) -> tuple[int, float, float]:
    """Estimate a unit before anything was measured: one call, its prompt tokens and its output tokens."""
    wording = [judge_context.templates[name].text for name in TEMPLATES] + [judge.compared[row["criterion"]].question]
    shown = [row["messages"], row["document"], row["reference"], row["texts"][row["first"]], row["texts"][row["second"]]]
    return 1, tokens_of(*wording, *shown), judge_context.spec.max_tokens * OUTPUT_SHARE


async def compare_unit(row: Row, judge: Judge, judge_context: JudgeContext, tally: Tally) -> UnitResult:
    """Make one comparison. Raises ModelError only for fatal kinds."""
    prompt = stored(row)
    first, second = (Candidate(prompt, row["texts"][row[side]]) for side in ("first", "second"))
    tally.add(calls=1)
    try:
        verdict = await compare(first, second, judge.compared[row["criterion"]], row["repeat"], judge_context)
    except UnsentError:
        tally.add(calls=-1)
        raise
    # One call was counted at the start.
    tally.add(calls=verdict.calls - 1)
    unit = {"judge": judge.key, "repeat": row["repeat"], "attempt": row["attempt"]}
    two = {"prompt": row["prompt"], "first": row["first"], "second": row["second"], "criterion": row["criterion"]}
    name = key("comparison", judge.key, *two.values(), row["repeat"], row["attempt"])
    record = unit | verdict.stored_fields | {"key": name, "created": now()}
    comparison = unit | two | {"verdict": name} | asdict(verdict.comparison or Comparison())
    return UnitResult({"verdicts": [record], "comparisons": [comparison]}, [record])
