"""Coefficients of agreement as functions of sums over prompts; NaN if undefined."""

from typing import TYPE_CHECKING

from rlaif.core.statistics import Sums, correlation, ratio

if TYPE_CHECKING:
    from rlaif.core.statistics import Array


def pairs(sums: Sums) -> "Array":
    """Return the number of pairs of responses that both the judge and the gold judge order or tie."""
    return sums["right"] + sums["wrong"] + sums["tied"] + sums["gold_tied"] + sums["both_tied"]


def decided(sums: Sums) -> "Array":
    """Return the number of pairs that the gold judge orders."""
    return sums["right"] + sums["wrong"] + sums["tied"]


def kappa(sums: Sums) -> "Array":
    """Return Cohen's kappa (1960) over the three outcomes of a pair: the first wins, the second wins, a tie.

    The order within a pair is arbitrary, so each pair counts in both orders. Both kinds of wins are then equally frequent
    for each judge, and chance agreement follows from how often each judge ties.
    """
    n = pairs(sums)
    mine, gold = ratio(sums["tied"] + sums["both_tied"], n), ratio(sums["gold_tied"] + sums["both_tied"], n)
    chance = mine * gold + (1 - mine) * (1 - gold) / 2
    return ratio(ratio(sums["right"] + sums["both_tied"], n) - chance, 1 - chance)


def alpha_of_orders(sums: Sums) -> "Array":
    """Return Krippendorff's alpha (interval metric) over pair outcomes 1, 0 (tie) and -1, each pair in both orders."""
    n = pairs(sums)
    seen = 4 * (sums["right"] + sums["wrong"]) + 2 * (sums["tied"] + sums["gold_tied"])
    observed = ratio(4 * sums["wrong"] + sums["tied"] + sums["gold_tied"], n)
    return 1 - ratio(observed, 2 * seen / (4 * n - 1))


def alpha_of_points(sums: Sums) -> "Array":
    """Return Krippendorff's alpha (interval metric) over the points of two judges: 1 - observed / expected disagreement.

    The observed disagreement is the mean squared difference on one response, the expected one that between any two of all
    2n points.
    """
    import numpy

    n = 2 * sums["answers"]
    squares = sums["xx"] + sums["yy"]
    spread = n * squares - (sums["x"] + sums["y"]) ** 2
    # Rounding may leave a difference of this size between equal sums.
    varies = (n >= 4) & (spread > 1e-12 * n * squares)
    expected = numpy.where(varies, 2 * ratio(spread, n * (n - 1)), 0.0)
    return 1 - ratio(ratio(squares - 2 * sums["xy"], sums["answers"]), expected)


def rank_correlation(sums: Sums) -> "Array":
    """Return Spearman's rank correlation. Resampling prompts keeps the ranks among all responses."""
    columns = (sums[f"rank_{name}"] for name in ("x", "y", "xx", "yy", "xy"))
    return correlation(sums["answers"], *columns)
