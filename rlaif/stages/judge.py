"""Judge: scores the responses that a judge has not scored yet.

A score is owed per answer, judge, criterion and repeat, by their keys, which come from what they say: change one
criterion's wording and only its scores are owed; change a weight and none is.
"""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif import comparing
from rlaif.breaker import Breaker
from rlaif.budget import OUTPUT_SHARE, tokens_of
from rlaif.comparing import Comparing
from rlaif.context import ATTEMPTS, EVERYTHING, Context, HeldOut, now
from rlaif.errors import TRANSIENT, ModelError
from rlaif.judges import Bench, Subject, check
from rlaif.judges.named import Judge
from rlaif.judges.retrieve import Meanings, Words
from rlaif.models import Models
from rlaif.models.ask import Model
from rlaif.notes import Notes
from rlaif.owed import Owed
from rlaif.progress import Tally
from rlaif.records import Score, Verdict, key, stored
from rlaif.stop import STOP, UnsentError
from rlaif.store import Row
from rlaif.witness import Witness
from rlaif.work import drain

# Programs answer at once; this only keeps batches full.
CHECK_CONCURRENCY = 64


async def run(
    context: Context, models: Models, judge: Judge, generators: Sequence[str], *,
    only: HeldOut = EVERYTHING, allow_code: bool = False, then: AsyncIterable[Row] | None = None,
) -> None:  # fmt: skip
    """Scores what is owed: the responses of these generators (keys), to all prompts or to `only` these; then compares them.

    `then` yields texts that come while it works, each with its prompt; they are scored after what was owed before.
    """
    _introduce(context, judge, allow_code)
    wanted = asked(judge, generators, only)

    async def bench(tally: Tally) -> Bench:
        model: Model | None = None
        if judge.model:
            opened = await models.get(judge.model, where=judge.where, rewards=judge.rewards)
            model = Witness(opened, context.store, judge.key, judge.name)
        notes = Notes(context.store, judge.key, tally)
        found_by = await models.embedder(judge.retrieval, where=judge.where) if judge.retrieval else None
        retrieval = Meanings(found_by.embed) if found_by else Words()
        return Bench(judge.settings, judge.template, model, allow_code, judge.templates, notes.once, retrieval)

    if judge.calls or then is not None:
        await _score(context, judge, bench, then, wanted)
    if judge.compared and not (STOP.asked or context.budget.stopped):
        who = Comparing(judge.key, judge.compared, judge.model, bench)
        await comparing.run(context, f"judge {judge.name}", who, **wanted)


def asked(judge: Judge, generators: Sequence[str], only: HeldOut) -> dict[str, Any]:
    """Which judgements are asked for, as the queries for what is owed take them."""
    return only.parameters | {
        "judge": judge.key, "generators": list(generators), "repeats": judge.settings.repeats,
        "attempts": ATTEMPTS, "transient": sorted(TRANSIENT), "after": judge.after,
    }  # fmt: skip


async def _score(
    context: Context, judge: Judge, bench: Callable[[Tally], Awaitable[Bench]], then: AsyncIterable[Row] | None,
    wanted: dict[str, Any],
) -> None:  # fmt: skip
    calls = [{"call": index, "criteria": call.keys} for index, call in enumerate(judge.calls)]
    # The store as it is now: what comes later comes through `then`.
    owed = Owed(context.store, "judge", "answer", calls=calls, **wanted)
    with context.stage(f"judge {judge.name}", owed.count if then is None else owed.count or None) as tally:
        if not owed.count and then is None:
            return
        ready = await bench(tally)
        units, breaker = _units(owed, then, judge, tally), Breaker(tally.stage)
        await drain(
            context.budget.within(units, tally, judge.model, lambda row: _guess(row, judge), handed=then is not None),
            lambda row: _judge(row, judge, ready, tally),
            lambda batch: _keep(context, judge, batch, tally),
            concurrency=ready.model.concurrency if ready.model else CHECK_CONCURRENCY,
            heard=lambda judged: breaker.heard(judged.verdict["failure"], judged.verdict["detail"]),
        )


async def _units(owed: Owed, then: AsyncIterable[Row] | None, judge: Judge, tally: Tally) -> AsyncIterator[Row]:
    async for row in owed:
        yield row
    if then is None:
        return
    async for text in then:
        tally.owed = (tally.owed or 0) + judge.settings.repeats * len(judge.calls)
        for repeat in range(judge.settings.repeats):
            for call in range(len(judge.calls)):
                yield text | {"call": call, "repeat": repeat, "attempt": 0}


def _guess(row: Row, judge: Judge) -> tuple[int, float, float]:
    """A unit is one judgement; its prompt and output tokens before anything is known of them.

    Of several asks, each shows request and response, and one of them the document, whole or in parts.
    """
    call = judge.calls[row["call"]]
    wording = [json.dumps(criterion.spec) for criterion in call.criteria]
    shown = tokens_of(judge.template.text, *wording, row["messages"], row["reference"], row["text"])
    return 1, call.asks * shown + tokens_of(row["document"]), call.asks * judge.settings.max_tokens * OUTPUT_SHARE


def _introduce(context: Context, judge: Judge, allow_code: bool) -> None:
    """Writes the judge and its criteria down once, and refuses programs that cannot run before any work is done."""
    for criterion in judge.rubric.criteria:
        if criterion.kind == "check":
            check.load(criterion, allow_code=allow_code)
    store = context.store
    if not store.query("judge/known", judge=judge.key, name=judge.name):
        spec = judge.spec | {"rubric": judge.rubric.name, "version": judge.rubric.version}
        store.append("judges", [{"key": judge.key, "name": judge.name, "spec": json.dumps(spec)}])
    known = {row["key"] for row in store.query("judge/known_criteria")}
    store.append("criteria", [
        {"key": criterion.key, "name": criterion.name, "kind": criterion.kind,
         "low": criterion.range[0], "high": criterion.range[1], "spec": json.dumps(criterion.spec)}
        for criterion in judge.rubric.criteria if criterion.key not in known
    ])  # fmt: skip


@dataclass(frozen=True)
class _Judged:
    verdict: Row
    scores: list[Row]
    findings: list[Row]


async def score(
    context: Context, models: Models, judge: Judge, subjects: Sequence[Subject], *, allow_code: bool = False
) -> dict[str, dict[str, float]]:
    """What the judge makes of these texts, whoever wrote them: scores by answer and criterion (keys), without failures.

    It is asked once about each text and call, what it says is kept, and what it said before is not asked again.
    """
    _introduce(context, judge, allow_code)
    texts = {subject.answer: subject for subject in subjects}
    known = _known(context, judge, list(texts))
    tally = Tally(f"judge {judge.name}")
    model = await models.get(judge.model, where=judge.where, rewards=judge.rewards) if judge.model else None
    notes = Notes(context.store, judge.key, tally)
    bench = Bench(judge.settings, judge.template, model, allow_code, judge.templates, notes.once)
    units = [
        (subject, {"call": place, "repeat": 0, "attempt": 0})
        for answer, subject in texts.items() for place, call in enumerate(judge.calls)
        if not known.get(answer, {}).keys() >= set(call.keys)
    ]  # fmt: skip
    judged = await asyncio.gather(*(_ask(subject, row, judge, bench, tally) for subject, row in units))
    _keep(context, judge, list(judged), tally)
    return _known(context, judge, list(texts))


def _known(context: Context, judge: Judge, answers: list[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {answer: {} for answer in answers}
    for row in context.store.query("judge/known_scores", judge=judge.key, answers=answers):
        found[row["answer"]][row["criterion"]] = row["score"]
    return found


async def _judge(row: Row, judge: Judge, bench: Bench, tally: Tally) -> _Judged:
    return await _ask(Subject(stored(row), row["text"]), row, judge, bench, tally)


async def _ask(subject: Subject, row: Row, judge: Judge, bench: Bench, tally: Tally) -> _Judged:
    """One call; `row` tells which, and the numbers of repeat and attempt."""
    call = judge.calls[row["call"]]
    if bench.model:
        tally.add(calls=1)
    try:
        verdict = await call.judge(subject, call.criteria, row["repeat"], bench)
    except UnsentError:
        tally.add(calls=-1)
        raise
    except ModelError as error:
        if error.fatal:
            raise
        failures = [Score(criterion.key, failure=error.kind) for criterion in call.criteria]
        verdict = Verdict(failures, error.raw, error.kind, str(error))
    if bench.model:
        # One was counted when it began.
        tally.add(calls=verdict.calls - 1)
    return _rows(subject, verdict, row, judge)


def _rows(subject: Subject, verdict: Verdict, row: Row, judge: Judge) -> _Judged:
    unit = {"answer": subject.answer, "judge": judge.key, "repeat": row["repeat"], "attempt": row["attempt"]}
    name = key("verdict", subject.answer, judge.key, judge.calls[row["call"]].keys, row["repeat"], row["attempt"])
    said = unit | verdict.said | {"key": name, "created": now()}
    scores = [
        unit | {"verdict": name, "criterion": score.criterion, "value": score.value, "expected": score.expected,
                "spread": score.spread, "rationale": score.rationale, "failure": score.failure}
        for score in verdict.scores
    ]  # fmt: skip
    place: Row = {"verdict": name, "answer": subject.answer, "judge": judge.key}
    findings = [
        place | {"criterion": found.criterion, "position": position, "text": found.text, "outcome": found.outcome,
                 "earned": found.earned, "rationale": found.rationale}
        for position, found in enumerate(verdict.findings)
    ]  # fmt: skip
    return _Judged(said, scores, findings)


def _keep(context: Context, judge: Judge, batch: list[_Judged], tally: Tally) -> None:
    with context.store.transaction():
        context.store.append("verdicts", [judged.verdict for judged in batch])
        context.store.append("scores", [score for judged in batch for score in judged.scores])
        context.store.append("findings", [found for judged in batch for found in judged.findings])
    for judged in batch:
        failed = judged.verdict["failure"] is not None
        tally.add(
            done=not failed, failed=failed,
            prompt_tokens=judged.verdict["prompt_tokens"], output_tokens=judged.verdict["output_tokens"],
        )  # fmt: skip
