"""Measures agreement of two judges on the responses that both scored. People, oracles and checks are judges too."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from rlaif.core.statistics import mean, spearman
from rlaif.store.store import Row, Store

# Values in hundredths that differ by less are the same value.
SAME = 1e-6


@dataclass(frozen=True)
class CriterionAgreement:
    """Agreement on a criterion of the same name: rank correlation and share of equal values over `answers` responses.

    The percents are each judge's mean in hundredths of the range. `spearman` is None if a judge gives every response the
    same score.
    """

    name: str
    answers: int
    spearman: float | None
    exact: float
    first_percent: float
    second_percent: float


@dataclass(frozen=True)
class Agreement:
    """Agreement of two judges, by criterion and in the order of pairs of responses to the same prompt.

    Both judges order `same` of the `pairs` alike and `opposite` differently; `tied` are tied by at least one judge.
    `flipped` counts the prompts (of `prompts`) with at least one opposite pair.
    """

    first: str
    second: str
    criteria: Sequence[CriterionAgreement]
    pairs: int
    same: int
    opposite: int
    tied: int
    prompts: int
    flipped: int


def agreement(store: Store, first: str, second: str) -> Agreement:
    """Return the agreement of two judges (keys) on all current prompts."""
    names = {row["key"]: row["name"] for row in store.query("evaluation/sql/names", keys=[first, second])}
    shared = store.query("evaluation/sql/shared_scores", first=first, second=second)
    criteria = [_criterion(name, list(rows)) for name, rows in groupby(shared, key=lambda row: str(row["criterion"]))]
    orders = store.query("evaluation/sql/shared_orders", first=first, second=second)[0]
    return Agreement(names.get(first, first), names.get(second, second), criteria, **orders)


def _criterion(name: str, rows: Sequence[Row]) -> CriterionAgreement:
    first, second = [row["first_score"] for row in rows], [row["second_score"] for row in rows]
    return CriterionAgreement(
        name=name,
        answers=len(rows),
        spearman=spearman(first, second),
        exact=mean([float(abs(row["first_value"] - row["second_value"]) < SAME) for row in rows]) or 0.0,
        first_percent=mean(first) or 0.0,
        second_percent=mean(second) or 0.0,
    )
