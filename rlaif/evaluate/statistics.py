"""The few statistics that evaluation needs, over plain lists."""

import math
import random
from collections.abc import Sequence

# Enough that the ends of a 95 % interval move by less than a point from seed to seed.
RESAMPLES = 4000


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def bootstrap(values: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float] | None:
    """The 95 % percentile interval of the mean under resampling (Efron 1979); None below two values."""
    if len(values) < 2:
        return None
    draw = random.Random(seed)
    means = sorted(math.fsum(draw.choices(values, k=len(values))) / len(values) for _ in range(resamples))
    tail = round(0.025 * (resamples - 1))
    return means[tail], means[-1 - tail]


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            found[place] = (start + 1 + end) / 2
        start = end
    return found


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties by mean ranks; None where either side does not vary."""
    middle = (len(first) + 1) / 2
    a = [rank - middle for rank in ranks(first)]
    b = [rank - middle for rank in ranks(second)]
    scale = math.sqrt(math.fsum(x * x for x in a) * math.fsum(x * x for x in b))
    return max(-1.0, min(1.0, math.fsum(x * y for x, y in zip(a, b, strict=True)) / scale)) if scale else None
