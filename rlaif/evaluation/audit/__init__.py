"""Measures how far a judge can be trusted: agreement with a gold judge, consistency, and robustness to attacks."""

from rlaif.core.statistics import Estimate
from rlaif.evaluation.audit.metrics import Audited, measure
from rlaif.evaluation.audit.render import render
from rlaif.evaluation.audit.types import MEASURES, SECTIONS, Audit, Finding, Findings

__all__ = ["MEASURES", "SECTIONS", "Audit", "Audited", "Estimate", "Finding", "Findings", "measure", "render"]
