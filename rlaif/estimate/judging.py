"""Estimates the pending requests of a judge.

A judgement costs what past ones of the same criterion cost. Until enough of them are stored, a few are rehearsed: their
prompts are rendered and counted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.estimate.means import ENOUGH, NO_OUTPUT, Unwritten, mean, mean_tokens, output_tokens, sample
from rlaif.estimate.rehearsal import Rehearsal, prompt_of, rehearse, rehearse_comparison
from rlaif.estimate.token_counts import Counter, counter
from rlaif.estimate.types import Line, Range, exactly, priced
from rlaif.judging.judge import Judge
from rlaif.judging.rubric import Compare
from rlaif.pipeline.pairwise import schedules
from rlaif.pipeline.stages import judge as judging
from rlaif.store.store import Row, sql

# Rendering the prompts about a long document takes some tenths of a second.
REHEARSED = 20
# Kinds of criteria for which the judge first makes a note on each prompt: its key points, or its checklist.
NOTED = ("keypoints", "checklist")
# A number of units, a sample of their prompts, and the length of a response in tokens.
Batch = tuple[float, Sequence[Row], Range]


@dataclass(frozen=True, slots=True)
class Units:
    """Pending judgements or comparisons by one criterion (a key), or notes on prompts.

    `rehearse` is called with prompts of the sample `rows`; `length` is that of a response in tokens. Units that are not
    `single` take several requests each.
    """

    criterion: str
    number: float
    rows: Sequence[Row]
    length: Range
    rehearse: Callable[[Row], Rehearsal]
    single: bool = True
    notes: bool = False


def estimate_judging(
    context: Context,
    judge: Judge,
    generators: Sequence[str],
    unwritten: Sequence[Unwritten] = (),
    *,
    only: HeldOut = EVERYTHING,
    stage: str = "",
    against: str | None = None,
) -> list[Line]:
    """Return a line for a judge's pending requests; none if it calls no model or is up to date.

    Args:
        generators: the keys of the generators whose stored responses are judged.
        unwritten: responses that are still to be written and judged.
        only: the prompts and samples that are judged.
        stage: the name of the line.
        against: the generator (key) whose responses are compared with the others'.
    """
    if judge.model is None:
        return []
    wanted = judging.pending_parameters(judge, generators, only, against)
    units = [*_judgements(context, judge, unwritten, wanted), *_comparisons(context, judge, unwritten, wanted)]
    rows = context.store.query("estimate/sql/past_judgements", judge=judge.key)
    past: dict[str | None, Row] = {row["criterion"]: row for row in rows if row["units"] >= ENOUGH}
    count, counted_by = counter(judge.model)
    means = [(each.number, *_mean(each, judge, past, count)) for each in units]
    requests = round(sum(number * sent for number, sent, *_ in means))
    if not requests:
        return []
    prompt = sum((tokens * number for number, _, tokens, _ in means), Range())
    output = sum((tokens * number for number, *_, tokens in means), Range())
    measured = all(each.criterion in past and not each.notes for each in units)
    return [
        priced(
            stage or f"judge {judge.name}",
            judge.settings.model or "",
            judge.model,
            (requests, requests),
            (prompt, "past requests" if measured else counted_by),
            (Range(), NO_OUTPUT) if judge.rewards else (output, output_tokens(past.get(None), 0)[1]),
        )
    ]


def _mean(units: Units, judge: Judge, past: Mapping[str | None, Row], count: Counter) -> tuple[float, Range, Range]:
    """Return the mean requests, prompt tokens and output tokens of one unit.

    The tokens of retries count, their requests do not.
    """
    measured = past.get(units.criterion)
    if measured and not units.notes:
        requests = 1.0 if units.single else measured["requests"]
        return requests, exactly(measured["prompt_tokens"]), output_tokens(measured, 0)[0]
    rehearsals = [units.rehearse(row) for row in units.rows[:REHEARSED]]
    prompts = [[prompt_of(sent) for sent in (each.notes if units.notes else each.requests)] for each in rehearsals]
    requests = mean(len(each) for each in prompts)
    shown = units.length * mean(sum(responses for _, responses in each) for each in prompts)
    prompt = shown + exactly(mean(sum(count(messages) for messages, _ in each) for each in prompts))
    # Replies about another criterion are of a similar length.
    other = past.get(None)
    reply = output_tokens(other, judge.settings.max_tokens)[0] * (1 / other["requests"] if other else 1)
    return requests, prompt, reply * requests


def _judgements(
    context: Context, judge: Judge, unwritten: Sequence[Unwritten], wanted: Mapping[str, Any]
) -> Iterator[Units]:
    store, pending = context.store, sql("pipeline/sql/judge/pending")
    calls = {place: call for place, call in enumerate(judge.calls) if call.needs_model}
    wanted = {**wanted, "calls": [each for each in judging.call_parameters(judge) if each["call"] in calls]}
    counts = store.rows(f"SELECT call, count(*) AS n FROM ({pending}) GROUP BY call", **wanted)
    stored = {row["call"]: row["n"] for row in counts}
    rows = sample(store, pending, "answer", "judge", **wanted) if stored else []
    length = exactly(mean_tokens(row["text"] for row in rows))
    future: list[Batch] = [
        (each.responses * judge.settings.repeats, each.rows, each.length) for each in unwritten if each.responses
    ]
    for place, call in calls.items():
        rehearsed = partial(rehearse, judge, call)
        batches: list[Batch] = [(stored[place], rows, length), *future] if place in stored else future
        for batch in batches:
            yield Units(call.keys[0], *batch, rehearsed, single=call.asks == 1)
        if batches and call.criteria[0].kind in NOTED:
            # A note is made once for all responses to a prompt.
            missing, about = sql("estimate/sql/prompts_without_notes"), {**wanted, "criterion": call.keys[0]}
            number = store.measure(missing, "count(*)", **about)
            noted = sample(store, missing, "prompt", "generate", **about)
            yield Units(call.keys[0], number, noted, Range(), rehearsed, notes=True)


def _comparisons(
    context: Context, judge: Judge, unwritten: Sequence[Unwritten], wanted: Mapping[str, Any]
) -> Iterator[Units]:
    if not judge.compared:
        return
    store, pending, against = context.store, sql("pipeline/sql/pairwise/pending"), wanted["against"]
    generators = [*wanted["generators"], *([against] if against else [])]
    wanted = {**wanted, "generators": generators, "criteria": schedules(judge.compared.values())}
    counts = store.rows(f"SELECT criterion, count(*) AS n FROM ({pending}) GROUP BY criterion", **wanted)
    rows = sample(store, pending, "prompt", "pairwise", **wanted) if counts else []
    length = exactly(mean_tokens(text for row in rows for text in row["texts"].values()))
    counts += [] if against else store.query("estimate/sql/knock_outs", **wanted)
    stored = {row["criterion"]: row["n"] for row in counts}
    for key, criterion in judge.compared.items():
        rehearsed = partial(rehearse_comparison, judge, criterion)
        if key in stored:
            yield Units(key, stored[key], rows, length, rehearsed)
        for each in unwritten:
            number = _future_comparisons(criterion, each, generators, against) * judge.settings.repeats
            yield Units(key, number, each.rows, each.length, rehearsed)


def _future_comparisons(criterion: Compare, each: Unwritten, generators: Sequence[str], against: str | None) -> float:
    """Return the comparisons of responses that are not written yet, as if their prompts had no others."""
    if not each.prompts:  # altered responses are compared with their originals, in both orders
        return 2 * each.responses
    responses = each.responses / each.prompts
    if against:
        return 0 if set(generators) == {against} else each.prompts * 2 * responses**2
    return each.prompts * (responses - 1) * (2 if criterion.schedule == "knock_out" else responses)
