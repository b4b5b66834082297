"""Did the model get better, and do two judges agree? Reads the store; `whole` runs the stages for missing responses."""

from rlaif.evaluate.agree import Agreement, CriterionAgreement, agreement
from rlaif.evaluate.divergence import Divergence
from rlaif.evaluate.evaluation import Evaluation, HarnessResult, TaskResult
from rlaif.evaluate.gap import Gap, gap
from rlaif.evaluate.length import LengthControlled, length_controlled
from rlaif.evaluate.match import CriterionResult, HeadToHead, Match, Side, match
from rlaif.evaluate.means import Contest, read
from rlaif.evaluate.show import render, render_agreement
from rlaif.evaluate.texts import Diversity, Texts, describe, read_texts

__all__ = [
    "Agreement",
    "Contest",
    "CriterionAgreement",
    "CriterionResult",
    "Divergence",
    "Diversity",
    "Evaluation",
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
