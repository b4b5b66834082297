"""Statistics over stored scores: means, bootstrap intervals, rank correlation and maximum-likelihood fits.

numpy is imported where it is used, so that commands that compute no statistics start fast.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

    Array = numpy.typing.NDArray[numpy.float64]

Interval = tuple[float, float]
# Sums of columns over prompts. A measure consists of a function of these sums (NaN if undefined) and a function that gives
# the number of pairs, responses or prompts behind it.
Sums = Mapping[str, "Array"]
Measure = tuple[Callable[[Sums], "Array"], Callable[[Sums], "Array"]]

# With this many resamples, the ends of a 95 % interval vary by about 2 % of its width from seed to seed.
RESAMPLES = 4000
# If there are more prompts than this, they are summed in this many blocks before resampling: sums of blocks vary as much as
# sums of their prompts, and time and memory stay bounded.
BLOCKS = 1000
# Newton's method stops when no parameter changes by more than this.
STILL = 1e-10
STEPS = 1000


@dataclass(frozen=True)
class Estimate:
    """A measured value on `n` pairs, responses or prompts, with its 95 % bootstrap interval over prompts.

    `value` is None if there is nothing to measure, and `interval` is None below two prompts.
    """

    value: float | None
    n: int
    interval: Interval | None = None


def mean(values: Sequence[float]) -> float | None:
    """Return the arithmetic mean; None if there are no values."""
    return math.fsum(values) / len(values) if values else None


def bootstrap(values: Sequence[float], *, seed: int = 0, resamples: int = RESAMPLES) -> Interval | None:
    """Return the 95 % percentile interval of the mean of `values`, one per prompt (Efron 1979); None below two values."""
    import numpy

    table = numpy.column_stack([numpy.asarray(values, dtype=float), numpy.ones(len(values))])
    sums = resampled_sums(table, seed, resamples)
    return percentile_interval(sums[:, 0] / sums[:, 1])


def estimates(rows: Sequence[Mapping[str, float]], measures: Mapping[str, Measure], *, seed: int = 0) -> dict[str, Estimate]:
    """Return each measure of the summed `rows` (one per prompt or block of prompts), with its bootstrap interval over rows.

    Responses to one prompt are correlated, so whole prompts are resampled; resampling pairs would make every interval too
    narrow.
    """
    import numpy

    if not rows:
        return {name: Estimate(None, 0) for name in measures}
    table = numpy.array([[float(value) for value in row.values()] for row in rows])
    # The first row is the sample itself.
    drawn = numpy.vstack([table.sum(axis=0), resampled_sums(table, seed)])
    sums = dict(zip(rows[0], drawn.T, strict=True))
    found = {}
    for name, (measure, count) in measures.items():
        whole, *again = measure(sums).tolist()
        value = None if math.isnan(whole) else whole
        found[name] = Estimate(value, round(float(count(sums)[0])), percentile_interval(numpy.array(again)))
    return found


def resampled_sums(table: "Array", seed: int = 0, resamples: int = RESAMPLES) -> "Array":
    """Return the column sums of `table` in each bootstrap resample of its rows; no resamples below two rows."""
    import numpy

    rows = len(table)
    if rows < 2:
        return numpy.empty((0, table.shape[1]))
    if rows > BLOCKS:
        blocks = numpy.zeros((BLOCKS, table.shape[1]))
        numpy.add.at(blocks, numpy.arange(rows) % BLOCKS, table)
        table, rows = blocks, BLOCKS
    return _draws(rows, seed, resamples) @ table


@lru_cache(maxsize=2)
def _draws(rows: int, seed: int, resamples: int) -> "Array":
    """Draw how often each resample contains each row."""
    import numpy

    drawn = numpy.random.default_rng(seed).integers(0, rows, (resamples, rows), dtype=numpy.int32)
    places = drawn + rows * numpy.arange(resamples)[:, None]
    return numpy.bincount(places.ravel(), minlength=resamples * rows).reshape(resamples, rows).astype(float)


def percentile_interval(values: "Array") -> Interval | None:
    """Return the central 95 % of `values`, ignoring NaN; None below two values."""
    import numpy

    values = numpy.sort(values[~numpy.isnan(values)])
    if len(values) < 2:
        return None
    tail = round(0.025 * (len(values) - 1))
    return float(values[tail]), float(values[-1 - tail])


def ratio(part: "Array", whole: "Array") -> "Array":
    """Return `part` / `whole`; NaN where `whole` is zero."""
    import numpy

    undefined = numpy.full(numpy.shape(whole), numpy.nan)
    found: Array = numpy.divide(part, whole, out=undefined, where=numpy.asarray(whole) != 0)
    return found


def total(name: str) -> Callable[[Sums], "Array"]:
    """Return a function that gives the sum of one column."""
    return lambda sums: sums[name]


def share(part: Callable[[Sums], "Array"], whole: Callable[[Sums], "Array"]) -> Measure:
    """Return a measure that is one sum as a share of another."""
    return lambda sums: ratio(part(sums), whole(sums)), whole


def ranks(values: Sequence[float]) -> "Array":
    """Return the rank of each value, from 1; equal values share the mean of their ranks."""
    import numpy

    _, place, counts = numpy.unique(numpy.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    found: Array = (numpy.cumsum(counts) - (counts - 1) / 2)[place]
    return found


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, with mean ranks for ties; None if either side does not vary."""
    middle = (len(first) + 1) / 2
    x, y = ranks(first) - middle, ranks(second) - middle
    found = float(correlation(len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y))
    return None if math.isnan(found) else found


def correlation(n: "Array | int", x: "Array", y: "Array", xx: "Array", yy: "Array", xy: "Array") -> "Array":
    """Return Pearson's correlation from sums of values, squares and products; NaN where either side does not vary."""
    import numpy

    spread_x, spread_y = n * xx - x**2, n * yy - y**2
    # Rounding errors may leave this much of a difference between sums of that size.
    varies = (spread_x > 1e-12 * n * xx) & (spread_y > 1e-12 * n * yy)
    scale = numpy.sqrt(numpy.where(varies, spread_x * spread_y, 0.0))
    found: Array = numpy.clip(ratio(n * xy - x * y, scale), -1.0, 1.0)
    return found


def logistic(x: "Array") -> "Array":
    """Return 1 / (1 + e^-x), also where e^-x overflows."""
    import numpy

    small = numpy.exp(-numpy.abs(x))
    found: Array = numpy.where(numpy.asarray(x) >= 0, 1.0, small) / (1 + small)
    return found


def newton(derivatives: Callable[["Array"], tuple["Array", "Array"]], start: "Array") -> "Array":
    """Find the maximum of a strictly concave function by Newton's method, or of many functions at once.

    Args:
        derivatives: gives the gradient (…, n) and the curvature (…, n, n), the negative of the Hessian, at a point (…, n).
        start: the first point; leading axes are separate problems, each of which stops by itself.
    """
    import numpy

    at = start
    for _ in range(STEPS):
        gradient, curvature = derivatives(at)
        step = numpy.linalg.solve(curvature, gradient[..., None])[..., 0]
        longest = numpy.abs(step).max(axis=-1, keepdims=True)
        moving = longest >= STILL
        if not moving.any():
            break
        # A step longer than 1 may land where the function is flat, so that the next step goes far astray.
        at = numpy.where(moving, at + step / numpy.maximum(longest, 1.0), at)
    return at
