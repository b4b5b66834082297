"""Checks a judge against the bounds of the pipeline file's `gate`, before its scores become labels."""

from rlaif.config import Gate
from rlaif.evaluation.audit.figures import write
from rlaif.evaluation.audit.types import MEASURES, Audit, Finding


def shortcomings(gate: Gate, audit: Audit) -> list[str]:
    """Return one sentence per bound that the first judge of the audit misses; empty if it passes.

    A bound on a measure that has only parts applies to each part. A measure that could not be computed misses its bound.
    """
    judge = audit.judges[0]
    missed = []
    bounds = [(name, bound, 1) for name, bound in gate.least.items()] + [
        (name, bound, -1) for name, bound in gate.most.items()
    ]
    for name, bound, way in bounds:
        of_all = [each for each in judge.found if each.measure == name]
        asked = [each for each in of_all if each.of is None] or of_all
        if not asked:
            missed.append(f"{name} ({MEASURES[name].words}) has not been measured")
        missed += [_miss(each, bound, way) for each in asked if way * ((each.estimate.value or 0.0) - bound) < 0]
    return missed


def _miss(finding: Finding, bound: float, way: int) -> str:
    name = f"{finding.measure} of {finding.of}" if finding.of else finding.measure
    found = write(finding.estimate, MEASURES[finding.measure].unit)
    return f"{name} is {found}, and the {'least' if way > 0 else 'most'} is {bound:g}"
