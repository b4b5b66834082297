"""Did the model get better, and do two judges agree? Read from the store alone; sampling and judging are stages."""

from rlaif.evaluate.agree import Agreement, CriterionAgreement, agreement
from rlaif.evaluate.compare import CriterionResult, Evaluation, Side, evaluate
from rlaif.evaluate.show import render, render_agreement

__all__ = [
    "Agreement", "CriterionAgreement", "CriterionResult", "Evaluation", "Side",
    "agreement", "evaluate", "render", "render_agreement",
]  # fmt: skip
