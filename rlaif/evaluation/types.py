"""Types for the results of an evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.evaluation.checkpoint_curve import CheckpointCurve
from rlaif.evaluation.comparison import Match
from rlaif.evaluation.divergence import Divergence
from rlaif.evaluation.judge_overfit import Gap
from rlaif.evaluation.text_stats import Texts


@dataclass(frozen=True)
class TaskResult:
    """Every model against the base on one task, scored by the task's checks."""

    task: str
    matches: Sequence[Match]


@dataclass(frozen=True)
class HarnessResult:
    """The metrics of one model on one task of lm-evaluation-harness."""

    model: str
    task: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Models against their base: one match per judge and model, in that order; `texts` starts with the base.

    `curve` follows the training by the checkpoints that it kept. All fields are empty if there was nothing to compare.
    """

    matches: Sequence[Match] = ()
    gaps: Sequence[Gap] = ()
    texts: Sequence[Texts] = ()
    divergences: Sequence[Divergence] = ()
    tasks: Sequence[TaskResult] = ()
    harness: Sequence[HarnessResult] = ()
    curve: CheckpointCurve | None = None
