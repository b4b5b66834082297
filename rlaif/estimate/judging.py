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


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean cost of one unit. The tokens of retries count, their requests do not."""

    requests: float
    prompt_tokens: Range
    output_tokens: Range


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
    means = [(each.number, _mean(each, judge, past, count)) for each in units]
    requests = round(sum(number * each.requests for number, each in means))
    if not requests:
        return []
    prompt = sum((each.prompt_tokens * number for number, each in means), Range())
    output = sum((each.output_tokens * number for number, each in means), Range())
    prompts_by = "past requests" if all(each.criterion in past and not each.notes for each in units) else counted_by
    outputs_by = NO_OUTPUT if judge.rewards else output_tokens(past.get(None), 0)[1]
    name, calls = judge.settings.model or "", (requests, requests)
    return [priced(stage or f"judge {judge.name}", name, judge.model, calls, prompt, output, prompts_by, outputs_by)]


def _mean(units: Units, judge: Judge, past: Mapping[str | None, Row], count: Counter) -> Mean:
    measured = past.get(units.criterion)
    if measured and not units.notes:
        output = Range() if judge.rewards else output_tokens(measured, 0)[0]
        return Mean(1 if units.single else measured["requests"], exactly(measured["prompt_tokens"]), output)
    rehearsals = [units.rehearse(row) for row in units.rows[:REHEARSED]]
    prompts = [[prompt_of(sent) for sent in (each.notes if units.notes else each.requests)] for each in rehearsals]
    requests = mean(len(each) for each in prompts)
    shown = units.length * mean(sum(responses for _, responses in each) for each in prompts)
    prompt = shown + exactly(mean(sum(count(messages) for messages, _ in each) for each in prompts))
    # Replies about another criterion are of a similar length.
    other = past.get(None)
    reply = output_tokens(other, judge.settings.max_tokens)[0] * (1 / other["requests"] if other else 1)
    return Mean(requests, prompt, Range() if judge.rewards else reply * requests)


def _judgements(
    context: Context, judge: Judge, unwritten: Sequence[Unwritten], wanted: Mapping[str, Any]
) -> Iterator[Units]:
    calls = {place: call for place, call in enumerate(judge.calls) if call.needs_model}
    wanted = {**wanted, "calls": [{"call": place, "criteria": call.keys} for place, call in calls.items()]}
    pending = sql("pipeline/sql/judge/pending")
    counts = context.store.rows(f"SELECT call, count(*) AS n FROM ({pending}) GROUP BY call", **wanted)
    stored = {row["call"]: row["n"] for row in counts}
    rows = sample(context.store, pending, "answer", "judge", **wanted) if stored else []
    length = exactly(mean_tokens(row["text"] for row in rows))
    for place, call in calls.items():
        found: list[Batch] = [(stored[place], rows, length)] if place in stored else []
        found += [(each.responses * judge.settings.repeats, each.rows, each.length) for each in unwritten if each.responses]
        for batch in found:
            yield Units(call.keys[0], *batch, partial(rehearse, judge, call), single=call.asks == 1)
        if found and call.criteria[0].kind in NOTED:
            # A note is made once for all responses to a prompt.
            missing, about = sql("estimate/sql/prompts_without_notes"), {**wanted, "criterion": call.keys[0]}
            number = context.store.measure(missing, "count(*)", **about)
            noted = sample(context.store, missing, "prompt", "generate", **about)
            yield Units(call.keys[0], number, noted, Range(), partial(rehearse, judge, call), notes=True)


def _comparisons(
    context: Context, judge: Judge, unwritten: Sequence[Unwritten], wanted: Mapping[str, Any]
) -> Iterator[Units]:
    if not judge.compared:
        return
    against, store = wanted["against"], context.store
    wanted = {**wanted, "criteria": schedules(judge.compared.values())}
    wanted["generators"] = [*wanted["generators"], *([against] if against else [])]
    pending = sql("pipeline/sql/pairwise/pending")
    counts = store.rows(f"SELECT criterion, count(*) AS n FROM ({pending}) GROUP BY criterion", **wanted)
    rows = sample(store, pending, "prompt", "pairwise", **wanted) if counts else []
    length = exactly(mean_tokens(text for row in rows for text in row["texts"].values()))
    counts += [] if against else store.query("estimate/sql/knock_outs", **wanted)
    stored = {row["criterion"]: row["n"] for row in counts}
    for key, criterion in judge.compared.items():
        found: list[Batch] = [(stored[key], rows, length)] if key in stored else []
        for each in unwritten:
            number = _future_comparisons(criterion, each, wanted["generators"], against) * judge.settings.repeats
            found.append((number, each.rows, each.length))
        for batch in found:
            yield Units(key, *batch, partial(rehearse_comparison, judge, criterion))


def _future_comparisons(criterion: Compare, each: Unwritten, generators: Sequence[str], against: str | None) -> float:
    """Return the comparisons of responses that are not written yet, as if their prompts had no others."""
    if not each.prompts:  # altered responses are compared with their originals, in both orders
        return 2 * each.responses
    responses = each.responses / each.prompts
    if against:
        return 0 if set(generators) == {against} else each.prompts * 2 * responses**2
    return each.prompts * (responses - 1) * (2 if criterion.schedule == "knock_out" else responses)
