"""Reads one judge's mean scores of two models' responses, by prompt."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rlaif.context.run import HeldOut
from rlaif.core.statistics import mean
from rlaif.store.store import Row, Store

SIDES = ("base", "trained")


@dataclass(frozen=True)
class Contest:
    """Two models and a judge (keys), and the prompts and samples to use."""

    base: str
    trained: str
    judge: str
    only: HeldOut

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the queries."""
        return {"base": self.base, "trained": self.trained, "judge": self.judge} | self.only.parameters


@dataclass(frozen=True)
class Means:
    """The means over one side's scored responses to one prompt. `score` is weighted, from 0 to 100.

    `score` is None if no criterion has a weight, as for a judge that only compares.
    """

    score: float | None
    criteria: Mapping[str, float]
    words: float
    characters: float
    tokens: float | None


@dataclass(frozen=True)
class Scored:
    """The means of both sides by prompt, and by side the number of responses and of failures by kind."""

    criteria: Sequence[Row]
    prompts: Mapping[str, Mapping[str, Means]]
    responses: Mapping[str, int]
    failures: Mapping[str, Counter[str]]

    @property
    def both(self) -> dict[str, tuple[Means, Means]]:
        """The base and trained means of the prompts that have both."""
        return {
            prompt: (sides["base"], sides["trained"]) for prompt, sides in self.prompts.items() if len(sides) == len(SIDES)
        }

    @property
    def excluded(self) -> dict[str, int]:
        """The number of prompts that lack a side, by missing side."""
        lacks = ([side for side in SIDES if side not in sides] for sides in self.prompts.values())
        return dict(sorted(Counter(f"no score for {' and '.join(lack)}" for lack in lacks if lack).items()))


def read(store: Store, contest: Contest, weights: Mapping[str, float] | None = None) -> Scored:
    """Read the judge's scores of both models' responses.

    `weights` are by criterion, and criteria without a weight are excluded. If `weights` is None, all count equally.
    """
    rows = store.query("evaluation/sql/answers", **contest.parameters)
    criteria = {row["criterion"]: row for row in rows if row["criterion"] is not None}
    weights = dict.fromkeys(criteria, 1.0) if weights is None else weights
    scoring = bool(weights) or not has_compared(store, contest.judge)
    prompts: dict[str, dict[str, Means]] = {row["prompt"]: {} for row in rows}
    responses: Counter[str] = Counter()
    failures: dict[str, Counter[str]] = {side: Counter() for side in SIDES}
    for (prompt, side), group in groupby(rows, key=lambda row: (row["prompt"], row["side"])):
        answers = [list(cells) for _, cells in groupby(group, key=lambda row: row["response"])]
        kinds = [_failures(cells, weights, scoring) for cells in answers]
        responses[side] += sum(cells[0]["response"] is not None for cells in answers)
        failures[side].update(kind for each in kinds for kind in each)
        scored = [cells for cells, each in zip(answers, kinds, strict=True) if not each]
        if scored:
            prompts[prompt][side] = _means(scored, weights)
    return Scored([row for name, row in criteria.items() if name in weights], prompts, responses, failures)


def has_compared(store: Store, judge: str) -> bool:
    """Whether a judge (its key) has ever compared two responses."""
    return bool(store.query("FROM comparisons WHERE judge = $judge AND preferred IS NOT NULL LIMIT 1", judge=judge))


def _failures(cells: Sequence[Row], weights: Mapping[str, float], scoring: bool) -> set[str]:
    """Return why a response has no score: its failure, or those of its weighted criteria; empty if it has a score."""
    if cells[0]["response"] is None:
        return {"not sampled"}
    if cells[0]["failure"] is not None:
        return {cells[0]["failure"]}
    if not scoring:
        return set()
    judged = {cell["criterion"]: cell for cell in cells if cell["criterion"] is not None}
    needed = {name for name, weight in weights.items() if weight > 0}
    failed = {
        cell["score_failure"] or "not judged" for name, cell in judged.items() if name in needed and cell["score"] is None
    }
    return failed or ({"not judged"} if not needed or needed - judged.keys() else set())


def _means(responses: Sequence[Sequence[Row]], weights: Mapping[str, float]) -> Means:
    cells = [cell for response in responses for cell in response if cell["score"] is not None]
    values: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        values[cell["criterion"]].append(cell["score"])
    points = sum(weights.get(cell["criterion"], 0.0) * percent(cell, cell["score"]) for cell in cells)
    whole = sum(weights.values()) * len(responses)
    return Means(
        score=points / whole if whole else None,
        criteria={name: _mean(each) for name, each in values.items()},
        words=_mean(response[0]["words"] for response in responses),
        characters=_mean(response[0]["characters"] for response in responses),
        tokens=mean([response[0]["tokens"] for response in responses if response[0]["tokens"] is not None]),
    )


def _mean(values: Iterable[float]) -> float:
    found = mean(list(values))
    assert found is not None
    return found


def percent(criterion: Row, value: float) -> float:
    """Convert a criterion's value to hundredths of its range."""
    return float(100 * (value - criterion["low"]) / (criterion["high"] - criterion["low"]))
