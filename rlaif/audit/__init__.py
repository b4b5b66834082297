"""Can this judge be trusted on this data? Its agreement with a gold judge, its consistency, and what misleads it."""

from rlaif.audit.findings import MEASURES, SECTIONS, Audit, Finding, Findings
from rlaif.audit.measure import Audited, measure
from rlaif.audit.page import write
from rlaif.audit.show import render
from rlaif.statistics import Estimate

__all__ = ["MEASURES", "SECTIONS", "Audit", "Audited", "Estimate", "Finding", "Findings", "measure", "render", "write"]
