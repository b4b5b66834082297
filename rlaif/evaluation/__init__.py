"""Compares models and judges on stored results: did training help, and do two judges agree?"""

from rlaif.evaluation.agreement import Agreement, CriterionAgreement, agreement
from rlaif.evaluation.checkpoint_curve import BestCheckpoint, Checkpoint, CheckpointCurve, Gain
from rlaif.evaluation.comparison import CriterionResult, HeadToHead, Match, Side, match
from rlaif.evaluation.divergence import Divergence
from rlaif.evaluation.judge_overfit import Gap, gap
from rlaif.evaluation.length_control import LengthControlled, length_controlled
from rlaif.evaluation.render import render, render_agreement
from rlaif.evaluation.scores import Contest, read
from rlaif.evaluation.text_stats import Diversity, Texts, describe, read_texts
from rlaif.evaluation.types import Evaluation, HarnessResult, TaskResult

__all__ = [
    "Agreement",
    "BestCheckpoint",
    "Checkpoint",
    "CheckpointCurve",
    "Contest",
    "CriterionAgreement",
    "CriterionResult",
    "Divergence",
    "Diversity",
    "Evaluation",
    "Gain",
    "Gap",
    "HarnessResult",
    "HeadToHead",
    "LengthControlled",
    "Match",
    "Side",
    "TaskResult",
    "Texts",
    "agreement",
    "describe",
    "gap",
    "length_controlled",
    "match",
    "read",
    "read_texts",
    "render",
    "render_agreement",
]
