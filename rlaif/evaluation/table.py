"""Lays out an evaluation as one table: a column per model, base first, and a block of lines per kind of measure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from rlaif.evaluation.checkpoint_curve import Checkpoint, CheckpointCurve, Gain
from rlaif.evaluation.comparison import HeadToHead, Match
from rlaif.evaluation.length_control import LengthControlled
from rlaif.evaluation.text_stats import Diversity, Texts
from rlaif.evaluation.types import Evaluation

MISSING = "–"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Line:
    """One measure, with a cell per model."""

    label: str
    cells: Sequence[str]


@dataclass(frozen=True)
class Block:
    """Measures of one kind; `head` holds the cells next to the title."""

    title: str
    lines: Sequence[Line]
    head: Sequence[str] = field(default_factory=list)


def table(evaluation: Evaluation) -> tuple[list[str], list[Block]]:
    """Return the models' names and the blocks."""
    matches = [*evaluation.matches, *(match for task in evaluation.tasks for match in task.matches)]
    models = list(dict.fromkeys([*(each.base.name for each in matches[:1]), *(each.trained.name for each in matches)]))
    blocks = [_judged(f"judged by {judge}", found, models) for judge, found in _by(evaluation.matches, lambda m: m.judge)]
    if evaluation.texts:
        blocks.append(_texts({each.model: each for each in evaluation.texts}, models))
    if evaluation.divergences:
        known = {each.model: each for each in evaluation.divergences}
        measures = (("k1, nats a response", "k1", 2), ("k3, nats a response", "k3", 2), ("k3, nats a token", "k3_token", 4))
        blocks.append(
            Block(
                "KL divergence to the base",
                [
                    Line(label, [number(getattr(known.get(name), measure, None), digits) for name in models])
                    for label, measure, digits in measures
                ],
            )
        )
    blocks += [_judged(f"task {each.task}", each.matches, models, short=True) for each in evaluation.tasks]
    for task, results in _by(evaluation.harness, lambda result: result.task):
        metrics = {each.model: each.metrics for each in results}
        labels = dict.fromkeys(name for each in metrics.values() for name in each)
        lines = [Line(label, [number(metrics.get(model, {}).get(label), 4) for model in models]) for label in labels]
        blocks.append(Block(f"harness {task}", lines))
    return models, blocks


def _by(items: Iterable[Found], name: Callable[[Found], str]) -> list[tuple[str, list[Found]]]:
    """Group the items by name, in the order in which names first occur."""
    found: dict[str, list[Found]] = {}
    for item in items:
        found.setdefault(name(item), []).append(item)
    return list(found.items())


def _judged(title: str, matches: Sequence[Match], models: Sequence[str], *, short: bool = False) -> Block:
    """Return the block of one judge: scores from 0 to 100, and wins. `short` omits the lines on length."""
    by = {match.trained.name: match for match in matches}
    base, others = matches[0], [by.get(name) for name in models[1:]]
    lines = []
    for place, criterion in enumerate(base.criteria):
        pairs = [(m.criteria[place].base_percent, m.criteria[place].trained_percent) if m else (None, None) for m in others]
        lines.append(Line(criterion.name, [number(criterion.base_percent), *(_gained(*pair) for pair in pairs)]))
    wins = [_interval(m.win_rate, m.interval) if m else MISSING for m in others]
    lines.append(Line("wins", ["", *wins]))
    if not short:
        controlled = [_controlled(m.length_controlled if m else None) for m in others]
        lines.append(Line("wins at equal lengths", ["", *controlled]))
        lengths = [base.base.characters, *(m.trained.characters if m else None for m in others)]
        lines.append(Line("mean length, characters", [number(each, 0) for each in lengths]))
        lines.append(Line("longer answer wins", ["", *(share(m.longer_wins) if m else MISSING for m in others)]))
    if any(m and m.head_to_head for m in others):
        compared = [_interval(h.win_rate, h.interval) if (h := m and m.head_to_head) else MISSING for m in others]
        lines.append(Line("wins head to head", ["", *compared]))
    scores = [_gained(m.base.score, m.trained.score) if m else MISSING for m in others]
    return Block(f"{title}, on {base.prompts:,} prompts", lines, [number(base.base.score), *scores])


def _texts(texts: Mapping[str, Texts], models: Sequence[str]) -> Block:
    measures: list[tuple[str, Callable[[Texts], str]]] = [
        ("words", lambda each: number(each.words)),
        ("distinct across prompts (EAD)", lambda each: _varied(each.across)),
        ("overlap across prompts", lambda each: _overlap(each.across)),
        ("distinct within a prompt (EAD)", lambda each: _varied(each.within)),
        ("overlap within a prompt", lambda each: _overlap(each.within)),
        ("repetition", lambda each: share(each.repetition)),
        ("refusals", lambda each: share(each.refusals)),
        ("flattery", lambda each: share(each.flattery)),
        ("list items in 100 words", lambda each: number(each.lists)),
    ]
    lines = [Line(label, [show(texts[name]) if name in texts else MISSING for name in models]) for label, show in measures]
    return Block("texts", [line for line in lines if set(line.cells) != {MISSING}])


def _controlled(found: LengthControlled | None) -> str:
    return MISSING if found is None else _interval(found.win_rate, found.interval)


def _varied(found: Diversity | None) -> str:
    return MISSING if found is None else number(found.ead, 3)


def _overlap(found: Diversity | None) -> str:
    return MISSING if found is None else share(found.overlap)


def checkpoint_table(curve: CheckpointCurve) -> tuple[list[str], list[Line]]:
    """Return the steps of a training's checkpoints, and lines with a cell per checkpoint."""
    rows = curve.checkpoints
    judges = [each.judge for each in rows[0].gains]
    lines = [Line(f"gain by {judge}", [_gain(row.gains[place]) for row in rows]) for place, judge in enumerate(judges)]
    measures: tuple[tuple[str, Callable[[Checkpoint], str]], ...] = (
        ("words", lambda each: number(each.words)),
        ("k1, nats a response", lambda each: number(each.k1, 2)),
        ("flattery", lambda each: share(each.flattery)),
    )
    lines += [Line(label, [show(row) for row in rows]) for label, show in measures]
    return [f"step {row.step:,}" if row.step else "base" for row in rows], lines


def _gain(found: Gain) -> str:
    ends = f" [{number(found.interval[0], sign=True)}, {number(found.interval[1], sign=True)}]" if found.interval else ""
    return number(found.gain, sign=True) + ends


def checkpoint_note(curve: CheckpointCurve) -> str:
    """Say which checkpoint is the best by a judge that made no pairs, and whether the last one is worse."""
    best, last = curve.best, curve.checkpoints[-1].step
    if best is None:
        return (
            "No checkpoint is preferred: that takes at least four prompts, and a judge in `evaluate.judges` that gives "
            "scores and made no pairs."
        )
    if best.step == last:
        return (
            f"By {best.judge}, which made no pairs, the last checkpoint (step {last:,}) is the best: there are no signs "
            "that training went on for too long."
        )
    lead = number(best.lead, sign=True)
    if best.lead_interval:
        lead += f" [{number(best.lead_interval[0], sign=True)}, {number(best.lead_interval[1], sign=True)}]"
    found = (
        f"By {best.judge}, which made no pairs, the best checkpoint on half of the prompts is that of step {best.step:,} of "
        f"{last:,}. On the other {best.prompts:,} prompts it scores {lead} against the last one"
    )
    if not best.clear:
        return f"{found}, which is not a clear gain: keep the last one."
    return f"{found}, so training went on for too long: use the model in {best.folder}."


def judged(match: Match) -> dict[str, str]:
    """Return the result of one model by one judge, as text."""
    return {
        "judge": match.judge,
        "prompts": f"{match.prompts:,}",
        "base": number(match.base.score),
        "trained": _gained(match.base.score, match.trained.score),
        "wins": _interval(match.win_rate, match.interval),
    }


def notes(evaluation: Evaluation) -> list[str]:
    """Return notes on the table: units, exclusions, and gains that only the training judge sees."""
    lines = []
    if evaluation.matches:
        lines.append("Scores are from 0 to 100. Wins count prompts, ties count half. Intervals are 95 %, over prompts.")
    for each in evaluation.gaps:
        lines.append(
            f"{each.model}: gain {number(each.gain, sign=True)} by {each.judge}, the training judge, and "
            f"{number(each.other_gain, sign=True)} by {each.other}: a gap of {_points(each.gap, each.interval)}"
            f"{', so the model may be exploiting its judge' if each.flagged else ''}."
        )
    for match in evaluation.matches:
        if match.not_controlled and match.prompts:
            lines.append(
                f"{match.trained.name}, judged by {match.judge}: no win rate at equal lengths: {match.not_controlled}."
            )
    for judge, found in _by(evaluation.matches, lambda match: match.judge):
        together = max((m.length_controlled.models for m in found if m.length_controlled), default=0)
        if together > len(found):
            lines.append(
                f"Judged by {judge}: wins at equal lengths were fitted with {together - len(found):,} other stored models."
            )
    if evaluation.curve:
        lines.append(checkpoint_note(evaluation.curve))
    everything = [(f"judged by {m.judge}", m) for m in evaluation.matches]
    everything += [(f"task {task.task}", m) for task in evaluation.tasks for m in task.matches]
    for by, match in everything:
        if match.excluded:
            lines.append(f"{match.trained.name}, {by}: prompts left out: {counts(match.excluded)}.")
        for side in (match.base, match.trained):
            if side.failures:
                lines.append(
                    f"{by}: responses of {side.name} without a score: {counts(side.failures)} ({side.responses:,} sampled)."
                )
        if h := match.head_to_head:
            lines.append(f"{match.trained.name}, {by}: {_orders(h)}")
    lines += [
        f"KL divergence of {each.model}: responses left out: {counts(each.left_out)}."
        for each in evaluation.divergences
        if each.left_out
    ]
    return list(dict.fromkeys(lines))


def _orders(found: HeadToHead) -> str:
    orders = (
        f"of {found.both:,} pairs compared in both orders, {share(found.consistent)} gave the same winner; "
        f"the response shown first won {share(found.first_shown)}."
    )
    left_out = f" Comparisons left out because the other order has no verdict: {found.one_order:,}."
    return orders + left_out if found.one_order else orders


def counts(kinds: Mapping[str, int]) -> str:
    """Format counts by kind."""
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())


def number(value: float | None, digits: int = 1, *, sign: bool = False) -> str:
    """Format a number."""
    # Adding zero removes the sign of a negative zero.
    return MISSING if value is None else f"{round(value, digits) + 0.0:{'+' if sign else ''},.{digits}f}"


def share(value: float | None) -> str:
    """Format a share as a percentage."""
    return MISSING if value is None else f"{100 * value:.0f} %"


def _gained(base: float | None, trained: float | None) -> str:
    return MISSING if base is None or trained is None else f"{number(trained)} ({number(trained - base, sign=True)})"


def _interval(value: float | None, interval: tuple[float, float] | None) -> str:
    return share(value) + (f" [{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]" if interval else "")


def _points(value: float | None, interval: tuple[float, float] | None) -> str:
    return number(value) + (f" [{number(interval[0])}, {number(interval[1])}]" if interval else "")
