"""Compare two pairings of the same scores: another strategy, judge, weight or margin."""

from rlaif.diff.compare import Difference, compare
from rlaif.diff.show import render

__all__ = ["Difference", "compare", "render"]
