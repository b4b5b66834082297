"""Estimate what a pipeline will cost before it runs."""

from rlaif.estimate.audit import plan_audit
from rlaif.estimate.plan import left, plan
from rlaif.estimate.render import render, summary
from rlaif.estimate.rubric import plan_acceptance, plan_suggestion, plan_trial
from rlaif.estimate.types import Line, Plan, Range

__all__ = [
    "Line",
    "Plan",
    "Range",
    "left",
    "plan",
    "plan_acceptance",
    "plan_audit",
    "plan_suggestion",
    "plan_trial",
    "render",
    "summary",
]
