"""Sample sizes: how many pairs show a difference between two accuracies, or a position bias."""

import math
from statistics import NormalDist

# A two-sided test at 5 %, which finds the difference in 80 % of the cases.
LEVEL, POWER = 0.05, 0.8


def paired_size(difference: float, discordant: float) -> int | None:
    """Return the pairs that show a difference in accuracy of two judges on the same pairs (McNemar's test; Connor 1987).

    `discordant` is the share of pairs that exactly one of the judges gets right. None if it is below the difference.
    """
    if discordant < difference:
        return None
    low, high = _quantiles()
    return math.ceil((low * math.sqrt(discordant) + high * math.sqrt(discordant - difference**2)) ** 2 / difference**2)


def single_size(difference: float, share: float) -> int:
    """Return the pairs that show that a share differs from a known one by `difference` (one-sample test of a proportion)."""
    low, high = _quantiles()
    other = share - difference if share > 0.5 else share + difference
    root = low * math.sqrt(share * (1 - share)) + high * math.sqrt(other * (1 - other))
    return math.ceil((root / difference) ** 2)


def detectable(count: int) -> float | None:
    """Return the smallest distance from one half that `count` independent outcomes show; None below four outcomes."""
    if count < 4:
        return None
    low, high = _quantiles()
    found = 0.0
    for _ in range(50):
        found = min(0.5, (low * 0.5 + high * math.sqrt(0.25 - found**2)) / math.sqrt(count))
    return found


def _quantiles() -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf(1 - LEVEL / 2), normal.inv_cdf(POWER)
