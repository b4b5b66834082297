"""What a pipeline is going to cost, before anything is spent."""

from rlaif.plan.audit import plan_audit
from rlaif.plan.lines import Line, Plan, Range
from rlaif.plan.show import render, summary
from rlaif.plan.whole import left, plan

__all__ = ["Line", "Plan", "Range", "left", "plan", "plan_audit", "render", "summary"]
