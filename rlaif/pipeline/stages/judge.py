"""Judge: scores the responses that a judge has not scored yet.

A score is identified by the content keys of response, judge, criterion and repeat: after a change in a criterion's wording,
only its scores are pending; after a change of a weight, none are.
"""

import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from rlaif.context.budget import OUTPUT_SHARE, tokens_of
from rlaif.context.run import ATTEMPTS, EVERYTHING, Context, HeldOut, now
from rlaif.core.errors import TRANSIENT, ModelError
from rlaif.core.progress import Tally
from rlaif.core.signals import STOP, UnsentError
from rlaif.core.types import Score, Verdict, key, stored
from rlaif.core.workers import run_workers
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria import check
from rlaif.judging.judge import Judge
from rlaif.models.registry import Models
from rlaif.pipeline import pairwise, versions
from rlaif.pipeline.circuit_breaker import VERDICT, CircuitBreaker
from rlaif.pipeline.judge_factory import build_judge_context
from rlaif.pipeline.pending import PendingUnits
from rlaif.pipeline.unit_results import UnitResult, store_results
from rlaif.store.store import Row

# Checks return at once; this only keeps batches full.
CHECK_CONCURRENCY = 64


async def run(
    context: Context,
    models: Models,
    judge: Judge,
    generators: Sequence[str],
    *,
    only: HeldOut = EVERYTHING,
    allow_code: bool = False,
    then: AsyncIterable[Row] | None = None,
    against: str | None = None,
    trial: bool = False,
) -> None:
    """Score the pending responses of these generators (keys), to all prompts or to those that `only` selects; then compare
    them with each other, or, given `against` (the key of a generator), only its responses with those of the others.

    `then` yields texts that arrive meanwhile, each with its prompt; they are scored after the others. A judge on `trial`,
    such as one with a new rubric, does not become the current version of a judge.
    """
    register(context, judge, allow_code, trial=trial)
    wanted = pending_parameters(judge, generators, only, against)
    open_context = partial(build_judge_context, context, models, judge, allow_code)
    if judge.calls or then is not None:
        await _score(context, judge, open_context, then, wanted)
    if judge.compared and not (STOP.requested or context.budget.stopped):
        await pairwise.run(context, judge, open_context, wanted)


def pending_parameters(judge: Judge, generators: Sequence[str], only: HeldOut, against: str | None = None) -> dict[str, Any]:
    """Return the parameters of the queries for pending judgements."""
    return only.parameters | {
        "judge": judge.key,
        "generators": list(generators),
        "repeats": judge.settings.repeats,
        "attempts": ATTEMPTS,
        "transient": sorted(TRANSIENT),
        "after": judge.after,
        "against": against,
    }


async def _score(
    context: Context,
    judge: Judge,
    open_context: Callable[[Tally], Awaitable[JudgeContext]],
    then: AsyncIterable[Row] | None,
    wanted: dict[str, Any],
) -> None:
    # A snapshot of the store: later responses arrive through `then`.
    pending = PendingUnits(context.store, "judge", "answer", calls=call_parameters(judge), **wanted)
    with context.stage(f"judge {judge.name}", pending.count if then is None else pending.count or None) as tally:
        if not pending.count and then is None:
            return
        ready = await open_context(tally)
        units, breaker = _units(pending, then, judge, tally), CircuitBreaker(tally.stage)
        await _score_units(context, judge, units, ready, tally, breaker, handed=then is not None)
        ready.report(tally.stage, context.progress.note)
        breaker.finish(partial(context.store.query, VERDICT, judge=judge.key))


async def _score_units(
    context: Context,
    judge: Judge,
    units: "Iterable[Unit] | AsyncIterable[Unit]",
    judge_context: JudgeContext,
    tally: Tally,
    breaker: CircuitBreaker,
    *,
    handed: bool = False,
) -> None:
    await run_workers(
        context.budget.within(units, tally, judge.model, lambda unit: estimate_unit(unit, judge), handed=handed),
        lambda unit: judge_unit(unit, judge, judge_context, tally),
        lambda batch: store_results(context.store, batch, tally),
        concurrency=judge_context.model.concurrency if judge_context.model else CHECK_CONCURRENCY,
        on_result=lambda judged: breaker.record(*judged.failed),
    )


class LiveJudge:
    """A judge that scores texts as they arrive, from any source."""

    def __init__(self, context: Context, judge: Judge, judge_context: JudgeContext, tally: Tally) -> None:
        self._context, self._judge, self._judge_context, self._tally = context, judge, judge_context, tally
        self._breaker = CircuitBreaker(tally.stage)

    @classmethod
    async def open(cls, context: Context, models: Models, judge: Judge, *, allow_code: bool = False) -> Self:
        """Return the judge, with its model opened through `models`."""
        register(context, judge, allow_code)
        tally = Tally(f"judge {judge.name}")
        return cls(context, judge, await build_judge_context(context, models, judge, allow_code, tally), tally)

    async def score(self, subjects: Sequence[Candidate]) -> dict[str, dict[str, float]]:
        """Return the scores of these texts by response and criterion (keys), without failures.

        Each text and call is judged once and stored; stored scores are reused. Raises BudgetError at the pipeline's cap, and
        UnsentError if the process is stopped before all texts are judged.
        """
        store, judge, texts = self._context.store, self._judge, {subject.answer: subject for subject in subjects}
        rows = store.query(
            "pipeline/sql/judge/pending_texts",
            judge=judge.key,
            answers=list(texts),
            calls=call_parameters(judge),
            attempts=ATTEMPTS,
            transient=sorted(TRANSIENT),
        )
        units = [Unit(texts[row["answer"]], row["call"], 0, row["attempt"]) for row in rows]
        await _score_units(self._context, judge, units, self._judge_context, self._tally, self._breaker)
        self._judge_context.report(self._tally.stage, self._context.progress.note)
        self._context.budget.check()
        if STOP.requested:
            raise UnsentError
        found: dict[str, dict[str, float]] = {answer: {} for answer in texts}
        prompts = [subject.prompt.key for subject in texts.values()]
        for row in store.query("pipeline/sql/judge/known_scores", judge=judge.key, answers=list(texts), prompts=prompts):
            found[row["answer"]][row["criterion"]] = row["score"]
        return found


def call_parameters(judge: Judge) -> list[dict[str, Any]]:
    """Return the judge's calls as a parameter of the queries for pending judgements."""
    return [{"call": index, "criteria": call.keys} for index, call in enumerate(judge.calls)]


@dataclass(slots=True)
class Unit:
    """One judge call about one text."""

    subject: Candidate
    call: int
    repeat: int
    attempt: int


async def _units(pending: PendingUnits, then: AsyncIterable[Row] | None, judge: Judge, tally: Tally) -> AsyncIterator[Unit]:
    async for row in pending:
        yield Unit(Candidate(stored(row), row["text"]), row["call"], row["repeat"], row["attempt"])
    if then is None:
        return
    async for row in then:
        subject = Candidate(stored(row), row["text"])
        tally.pending = (tally.pending or 0) + judge.settings.repeats * len(judge.calls)
        for repeat in range(judge.settings.repeats):
            for call in range(len(judge.calls)):
                yield Unit(subject, call, repeat, 0)


def estimate_unit(unit: Unit, judge: Judge) -> tuple[int, float, float]:
    """Return the number of judgements of a unit (1), and an estimate of its prompt and output tokens.

    If a judgement takes several requests, each shows request and response, and one of them the document, whole or in parts.
    """
    call, prompt = judge.calls[unit.call], unit.subject.prompt
    wording = [json.dumps(criterion.spec) for criterion in call.criteria]
    request = [message["content"] for message in prompt.messages]
    shown = tokens_of(judge.template.text, *wording, *request, prompt.reference, unit.subject.text)
    return 1, call.asks * shown + tokens_of(prompt.document), call.asks * judge.settings.max_tokens * OUTPUT_SHARE


def register(context: Context, judge: Judge, allow_code: bool, *, trial: bool = False) -> None:
    """Store the judge and its criteria once, and reject checks that cannot run before any work is done.

    A judge on `trial` that is known under another name keeps that name.
    """
    for criterion in judge.rubric.criteria:
        if criterion.kind == "check":
            check.load(criterion, allow_code=allow_code)
    store = context.store
    names = {row["name"] for row in store.query("SELECT name FROM judges WHERE key = $judge", judge=judge.key)}
    if judge.name not in names and not (trial and names):
        spec = judge.spec | {"rubric": judge.rubric.name, "version": judge.rubric.version}
        store.append("judges", [{"key": judge.key, "name": judge.name, "spec": json.dumps(spec)}])
    known = {row["key"] for row in store.query("SELECT key FROM criteria")}
    store.append(
        "criteria",
        [
            {
                "key": criterion.key,
                "name": criterion.name,
                "kind": criterion.kind,
                "low": criterion.range[0],
                "high": criterion.range[1],
                "spec": json.dumps(criterion.spec),
            }
            for criterion in judge.rubric.criteria
            if criterion.key not in known
        ],
    )
    if not trial:
        versions.use(store, "judge", judge.name, judge.key, [criterion.key for criterion in judge.rubric.criteria])


async def judge_unit(unit: Unit, judge: Judge, judge_context: JudgeContext, tally: Tally) -> UnitResult:
    """Make one judge call. Raises ModelError only for fatal kinds."""
    call = judge.calls[unit.call]
    if judge_context.model:
        tally.add(calls=1)
    try:
        verdict = await call.judge(unit.subject, call.criteria, unit.repeat, judge_context)
    except UnsentError:
        tally.add(calls=-1 if judge_context.model else 0)
        raise
    except ModelError as error:
        if error.fatal:
            raise
        failures = [Score(criterion.key, failure=error.kind) for criterion in call.criteria]
        verdict = Verdict(failures, error.raw, error.kind, str(error))
    if judge_context.model:
        # The first call was counted when it started.
        tally.add(calls=verdict.calls - 1)
    return _rows(unit, verdict, judge)


def _rows(unit: Unit, verdict: Verdict, judge: Judge) -> UnitResult:
    answer = unit.subject.answer
    which = {"answer": answer, "judge": judge.key, "repeat": unit.repeat, "attempt": unit.attempt}
    name = key("verdict", answer, judge.key, judge.calls[unit.call].keys, unit.repeat, unit.attempt)
    record = which | verdict.stored_fields | {"key": name, "created": now()}
    scores = [
        which
        | {
            "verdict": name,
            "criterion": score.criterion,
            "value": score.value,
            "expected": score.expected,
            "spread": score.spread,
            "rationale": score.rationale,
            "failure": score.failure,
        }
        for score in verdict.scores
    ]
    place: Row = {"verdict": name, "answer": answer, "judge": judge.key}
    findings = [
        place
        | {
            "criterion": found.criterion,
            "position": position,
            "text": found.text,
            "outcome": found.outcome,
            "earned": found.earned,
            "rationale": found.rationale,
        }
        for position, found in enumerate(verdict.findings)
    ]
    return UnitResult({"verdicts": [record], "scores": scores, "findings": findings}, [record])
