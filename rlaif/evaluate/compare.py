"""Base against trained on held-out prompts, by one judge's scores."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rlaif.evaluate.statistics import bootstrap, mean
from rlaif.store import Row, Store

# Means of decimal scores that differ by less are equal: what is left of them is rounding.
TIE = 1e-9
SIDES = ("base", "trained")


@dataclass(frozen=True)
class CriterionResult:
    """One criterion: means in its own units and in hundredths of its range; the trained side's wins, over prompts."""

    name: str
    low: float
    high: float
    base: float | None
    trained: float | None
    base_percent: float | None
    trained_percent: float | None
    win_rate: float | None


@dataclass(frozen=True)
class Side:
    """One of the two models: its weighted score (0 to 100), mean lengths, and failures of responses by kind.

    A failed response, or one without a score on every weighted criterion, is counted here and enters no mean.
    """

    name: str
    responses: int
    failures: Mapping[str, int]
    score: float | None
    words: float | None
    characters: float | None
    tokens: float | None


@dataclass(frozen=True)
class Evaluation:
    """What one judge makes of both models, on the prompts where both have a score. Shares are from 0 to 1.

    `win_rate` is the share of prompts on which the trained model's mean score is higher, ties counting half, and
    `interval` its 95 % bootstrap interval over prompts. `longer_wins` is the share of `longer_prompts` (those with
    unequal lengths and scores) on which the longer answer scores higher: what preferring length alone would get right.
    """

    judge: str
    base: Side
    trained: Side
    prompts: int
    excluded: Mapping[str, int]
    win_rate: float | None
    interval: tuple[float, float] | None
    ties: float | None
    longer_wins: float | None
    longer_prompts: int
    criteria: Sequence[CriterionResult]


@dataclass(frozen=True)
class _Means:
    """The means over one side's scored responses to one prompt."""

    score: float
    criteria: Mapping[str, float]
    words: float
    characters: float
    tokens: float | None


def evaluate(
    store: Store, base: str, trained: str, judge: str, *, held_out: float,
    limit: int | None = None, samples: int | None = None, weights: Mapping[str, float] | None = None,
) -> Evaluation:  # fmt: skip
    """Compares two generators (keys) by a judge's (key) scores on the held-out share of prompts.

    `limit` takes the first so many prompts, `samples` the first so many responses to each; None takes all. `weights`
    are by criterion; one that it lacks is left out, and all count alike where it is None.
    """
    rows = store.query(
        "evaluate/answers", base=base, trained=trained, judge=judge,
        held_out=round(held_out * 10000), limit=limit, samples=samples,
    )  # fmt: skip
    criteria = {row["criterion"]: row for row in rows if row["criterion"] is not None}
    weights = dict.fromkeys(criteria, 1.0) if weights is None else weights
    means, counts, failures = _by_prompt(rows, weights)
    both = [(sides["base"], sides["trained"]) for sides in means.values() if len(sides) == len(SIDES)]
    wins = [_win(after.score - before.score) for before, after in both]
    longer = [(after.characters - before.characters) * (after.score - before.score) for before, after in both
              if after.characters != before.characters and abs(after.score - before.score) > TIE]  # fmt: skip
    names = {row["key"]: row["name"] for row in store.query("evaluate/names", keys=[base, trained, judge])}
    return Evaluation(
        judge=names.get(judge, judge),
        base=_side(names.get(base, base), counts["base"], failures["base"], [before for before, _ in both]),
        trained=_side(names.get(trained, trained), counts["trained"], failures["trained"], [after for _, after in both]),
        prompts=len(both), excluded=_count(_lack(sides) for sides in means.values() if len(sides) < len(SIDES)),
        win_rate=mean(wins), interval=bootstrap(wins), ties=mean([float(win == 0.5) for win in wins]),
        longer_wins=mean([float(lead > 0) for lead in longer]), longer_prompts=len(longer),
        criteria=[_criterion(row, both) for name, row in criteria.items() if name in weights],
    )  # fmt: skip


def _by_prompt(
    rows: Sequence[Row], weights: Mapping[str, float]
) -> tuple[dict[str, dict[str, _Means]], Counter[str], dict[str, Counter[str]]]:
    """The means of each prompt's scored sides; per side, how many responses there are, and how many failed, by kind."""
    means: dict[str, dict[str, _Means]] = {row["prompt"]: {} for row in rows}
    counts: Counter[str] = Counter()
    failures: dict[str, Counter[str]] = {side: Counter() for side in SIDES}
    for (prompt, side), group in groupby(rows, key=lambda row: (row["prompt"], row["side"])):
        responses = [list(cells) for _, cells in groupby(group, key=lambda row: row["response"])]
        kinds = [_failures(cells, weights) for cells in responses]
        counts[side] += sum(cells[0]["response"] is not None for cells in responses)
        failures[side].update(kind for each in kinds for kind in each)
        scored = [cells for cells, each in zip(responses, kinds, strict=True) if not each]
        if scored:
            means[prompt][side] = _means(scored, weights)
    return means, counts, failures


def _failures(cells: Sequence[Row], weights: Mapping[str, float]) -> set[str]:
    """Why a response has no score: its own failure, or those of its weighted criteria; empty if it has one."""
    if cells[0]["response"] is None:
        return {"not sampled"}
    if cells[0]["failure"] is not None:
        return {cells[0]["failure"]}
    judged = {cell["criterion"]: cell for cell in cells if cell["criterion"] is not None}
    needed = {name for name, weight in weights.items() if weight > 0}
    failed = {cell["score_failure"] or "not judged" for name, cell in judged.items()
              if name in needed and cell["score"] is None}  # fmt: skip
    return failed or ({"not judged"} if not needed or needed - judged.keys() else set())


def _means(responses: Sequence[Sequence[Row]], weights: Mapping[str, float]) -> _Means:
    cells = [cell for response in responses for cell in response if cell["score"] is not None]
    values: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        values[cell["criterion"]].append(cell["score"])
    points = sum(weights.get(cell["criterion"], 0.0) * _percent(cell, cell["score"]) for cell in cells)
    return _Means(
        score=points / sum(weights.values()) / len(responses),
        criteria={name: _mean(each) for name, each in values.items()},
        words=_mean(response[0]["words"] for response in responses),
        characters=_mean(response[0]["characters"] for response in responses),
        tokens=mean([response[0]["tokens"] for response in responses if response[0]["tokens"] is not None]),
    )


def _mean(values: Iterable[float]) -> float:
    found = mean(list(values))
    assert found is not None
    return found


def _percent(row: Row, value: float) -> float:
    """A value of the row's criterion in hundredths of its range."""
    return float(100 * (value - row["low"]) / (row["high"] - row["low"]))


def _win(lead: float) -> float:
    return 0.5 if abs(lead) <= TIE else float(lead > 0)


def _lack(sides: Mapping[str, _Means]) -> str:
    return f"no score for {' and '.join(side for side in SIDES if side not in sides)}"


def _count(kinds: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(kinds).items()))


def _side(name: str, responses: int, failures: Counter[str], means: Sequence[_Means]) -> Side:
    return Side(
        name=name, responses=responses, failures=_count(failures.elements()),
        score=mean([each.score for each in means]), words=mean([each.words for each in means]),
        characters=mean([each.characters for each in means]),
        tokens=mean([each.tokens for each in means if each.tokens is not None]),
    )  # fmt: skip


def _criterion(row: Row, both: Sequence[tuple[_Means, _Means]]) -> CriterionResult:
    name = row["criterion"]
    pairs = [(b.criteria[name], t.criteria[name]) for b, t in both if name in b.criteria and name in t.criteria]
    base, trained = mean([b for b, _ in pairs]), mean([t for _, t in pairs])
    return CriterionResult(
        name=name, low=row["low"], high=row["high"], base=base, trained=trained,
        base_percent=None if base is None else _percent(row, base),
        trained_percent=None if trained is None else _percent(row, trained),
        win_rate=mean([_win(t - b) for b, t in pairs]),
    )  # fmt: skip
