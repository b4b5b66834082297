"""Can this judge be trusted on this data? Its agreement with a gold judge, its consistency, and what misleads it."""

from rlaif.core.statistics import Estimate
from rlaif.evaluation.audit.metrics import Audited, measure
from rlaif.evaluation.audit.render import render
from rlaif.evaluation.audit.types import MEASURES, SECTIONS, Audit, Finding, Findings

__all__ = ["MEASURES", "SECTIONS", "Audit", "Audited", "Estimate", "Finding", "Findings", "measure", "render"]
