"""Measures as functions of sums over prompts, so that one resampling of prompts gives the intervals of all of them.

Answers to one prompt stand or fall together, and counting each pair alone would make every interval too narrow.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Sums = Mapping[str, float]
# A measure of sums, and what it is a measure of: how many pairs, answers or prompts.
Measure = tuple[Callable[[Sums], float | None], Callable[[Sums], float]]

# The ends of a 95 % interval then move by about a tenth of its width from seed to seed.
RESAMPLES = 1000
# More prompts than this are resampled in so many blocks, whose sums vary as much as their prompts' do.
BLOCKS = 500


@dataclass(frozen=True)
class Estimate:
    """A measured value, on `n` many pairs, answers or prompts, with its 95 % bootstrap interval over prompts.

    No `value` where there is nothing to measure, and no interval below two prompts.
    """

    value: float | None
    n: int
    interval: tuple[float, float] | None = None


def estimates(rows: Sequence[Sums], measures: Mapping[str, Measure], *, seed: int = 0) -> dict[str, Estimate]:
    """Each measure of the sums of `rows`, one a prompt or block of prompts, with its percentile interval (Efron 1979)."""
    names = list(rows[0]) if rows else []
    table = [[float(row[name]) for name in names] for row in rows]

    def sums(drawn: Sequence[Sequence[float]]) -> Sums:
        return dict(zip(names, map(sum, zip(*drawn, strict=True)), strict=True))

    if not rows:
        return {name: Estimate(None, 0) for name in measures}
    whole = sums(table)
    draw = random.Random(seed)
    resamples = RESAMPLES if len(table) > 1 else 0
    again: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(resamples):
        drawn = sums(draw.choices(table, k=len(table)))
        for name, (measure, _) in measures.items():
            value = measure(drawn)
            if value is not None:
                again[name].append(value)
    return {
        name: Estimate(measure(whole), round(of(whole)), _interval(again[name]))
        for name, (measure, of) in measures.items()
    }  # fmt: skip


def _interval(values: list[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    values.sort()
    tail = round(0.025 * (len(values) - 1))
    return values[tail], values[-1 - tail]


def share(part: Callable[[Sums], float], whole: Callable[[Sums], float]) -> Measure:
    """One sum as a share of another; nothing where that is zero."""
    return lambda sums: part(sums) / whole(sums) if whole(sums) else None, whole


def total(name: str) -> Callable[[Sums], float]:
    """The sum of one column."""
    return lambda sums: sums[name]


def pairs(sums: Sums) -> float:
    """All pairs of answers that both judges speak of."""
    return sums["right"] + sums["wrong"] + sums["tied"] + sums["gold_tied"] + sums["both_tied"]


def decided(sums: Sums) -> float:
    """Those that the gold orders."""
    return sums["right"] + sums["wrong"] + sums["tied"]


def kappa(sums: Sums) -> float | None:
    """Cohen's kappa (1960) over the three outcomes of a pair: the first wins, the second wins, a tie.

    Which answer of a pair comes first means nothing, so each pair counts in both orders; winning first and second are
    then equally frequent for each judge, and the agreement by chance follows from how often each of them ties.
    """
    n = pairs(sums)
    if not n:
        return None
    mine, gold = (sums["tied"] + sums["both_tied"]) / n, (sums["gold_tied"] + sums["both_tied"]) / n
    chance = mine * gold + (1 - mine) * (1 - gold) / 2
    return ((sums["right"] + sums["both_tied"]) / n - chance) / (1 - chance) if chance < 1 else None


def alpha_of_orders(sums: Sums) -> float | None:
    """Krippendorff's alpha with the interval metric over the outcome of a pair as 1, 0 (tie) or -1, each in both orders."""
    n = pairs(sums)
    seen = 4 * (sums["right"] + sums["wrong"]) + 2 * (sums["tied"] + sums["gold_tied"])
    if not seen:
        return None
    observed = (4 * sums["wrong"] + sums["tied"] + sums["gold_tied"]) / n
    return 1 - observed / (2 * seen / (4 * n - 1))


def alpha_of_points(sums: Sums) -> float | None:
    """Krippendorff's alpha with the interval metric over the points of two judges: 1 - observed / expected disagreement.

    Observed is the mean squared difference on one answer, expected that between any two of all 2n points.
    """
    n = 2 * sums["answers"]
    spread = n * (sums["xx"] + sums["yy"]) - (sums["x"] + sums["y"]) ** 2
    if n < 4 or spread <= _noise(n * (sums["xx"] + sums["yy"])):
        return None
    observed = (sums["xx"] + sums["yy"] - 2 * sums["xy"]) / sums["answers"]
    return 1 - observed / (2 * spread / (n * (n - 1)))


def spearman(sums: Sums) -> float | None:
    """Spearman's rank correlation: Pearson's of the ranks, equal values sharing the mean of theirs.

    The ranks are those among all answers also where prompts are resampled.
    """
    n = sums["answers"]
    x = n * sums["rank_xx"] - sums["rank_x"] ** 2
    y = n * sums["rank_yy"] - sums["rank_y"] ** 2
    if x <= _noise(n * sums["rank_xx"]) or y <= _noise(n * sums["rank_yy"]):
        return None
    covariance = n * sums["rank_xy"] - sums["rank_x"] * sums["rank_y"]
    return max(-1.0, min(1.0, covariance / math.sqrt(x * y)))


def _noise(scale: float) -> float:
    """What rounding may leave of a difference of sums that size."""
    return 1e-12 * scale
