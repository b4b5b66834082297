"""All that an evaluation finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.evaluate.divergence import Divergence
from rlaif.evaluate.gap import Gap
from rlaif.evaluate.match import Match
from rlaif.evaluate.texts import Texts


@dataclass(frozen=True)
class TaskResult:
    """Every model against the base on one task, as its checks judge."""

    task: str
    matches: Sequence[Match]


@dataclass(frozen=True)
class HarnessResult:
    """What lm-evaluation-harness measured of one model on one of its tasks, by metric."""

    model: str
    task: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Models against their base. One match a judge and model, in that order; `texts` has the base first.

    Nothing anywhere where there was nothing to compare.
    """

    matches: Sequence[Match] = ()
    gaps: Sequence[Gap] = ()
    texts: Sequence[Texts] = ()
    divergences: Sequence[Divergence] = ()
    tasks: Sequence[TaskResult] = ()
    harness: Sequence[HarnessResult] = ()
