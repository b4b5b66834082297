"""Computes the geometry of the charts, which charts.jinja draws.

x is in percent of the width and y in pixels from the top, so that a chart can fill the page while its labels keep their
size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

# Height of the plot area in pixels: about half the width of a chart in a row of three.
HEIGHT = 120
# Maximum number of points per line, because more would not be visible.
MAX_POINTS = 300


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram; `label` describes its bin."""

    x: float
    width: float
    y: float
    height: float
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars over evenly spaced bins."""

    bars: Sequence[Bar]
    x: Sequence[Tick]
    y: Sequence[Tick]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its points as SVG coordinates, its last value, and that value's y position.

    `dots` mark single points, and `band` is the outline of their intervals; both are empty for long series.
    """

    name: str
    points: str
    last: float
    y: float
    dots: Sequence[tuple[float, float]] = ()
    band: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """Series over the same steps, up to step `last`."""

    last: int
    lines: Sequence[Line]
    x: Sequence[Tick]
    y: Sequence[Tick]


def ticks(low: float, high: float, about: int = 4) -> list[tuple[float, str]]:
    """Return about `about` round numbers within [low, high], each with its label."""
    rough = (high - low or abs(high) or 1.0) / about
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    digits = max(0, -floor(log10(step) + 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [(place * step, f"{place * step:,.{digits}f}".replace("-", "−")) for place in range(first, last + 1)]


def histogram(counts: Mapping[int, int], labels: Sequence[str], x: Sequence[Tick]) -> Histogram:
    """Return bars for the bins 0, 1, … of `labels`; bins that `counts` lacks are empty."""
    top = max(counts.values(), default=0) or 1
    width = 100 / len(labels)
    bars = []
    for place, label in enumerate(labels):
        count = counts.get(place, 0)
        height = HEIGHT * count / top
        bars.append(Bar(place * width, width, HEIGHT - height, height, label, count))
    return Histogram(bars, x, [Tick(HEIGHT * (1 - value / top), label) for value, label in ticks(0, top, 3) if value])


def scale_histogram(counts: Mapping[int, int], low: float, high: float, steps: int) -> Histogram:
    """Return bars centred on the `steps` + 1 evenly spaced values from `low` to `high`."""
    labels = [f"{low + (high - low) * place / steps:g}".replace("-", "−") for place in range(steps + 1)]
    every = ceil((steps + 1) / 11)
    width = 100 / (steps + 1)
    return histogram(counts, labels, [Tick((p + 0.5) * width, labels[p]) for p in range(0, steps + 1, every)])


def range_histogram(counts: Mapping[int, int], low: float, high: float, bins: int) -> Histogram:
    """Return bars for `bins` equal intervals between `low` and `high`, with ticks at round numbers."""
    edges = [f"{low + (high - low) * place / bins:g}".replace("-", "−") for place in range(bins + 1)]
    labels = [f"{left} to {right}" for left, right in pairwise(edges)]
    return histogram(counts, labels, [Tick(100 * (v - low) / (high - low), label) for v, label in ticks(low, high)])


def lines(
    series: Mapping[str, Sequence[tuple[int, float]]],
    *,
    within: tuple[float, float] | None = None,
    intervals: Mapping[str, Sequence[tuple[int, float, float]]] | None = None,
) -> Lines:
    """Return the lines of series of (step, value), each with at least one point; `within` fixes the y range.

    `intervals` of (step, low, high) are drawn as bands by series; then every point is marked.
    """
    bands = intervals or {}
    steps = [step for points in series.values() for step, _ in points]
    values = [value for points in series.values() for _, value in points]
    values += [value for points in bands.values() for _, *ends in points for value in ends]
    first, last = min(steps), max(steps)
    low, high = within or (min(values), max(values))
    if low == high:
        low, high = low - 1, high + 1

    def x(step: float) -> float:
        return 100 * (step - first) / ((last - first) or 1)

    def y(value: float) -> float:
        return HEIGHT * (high - value) / (high - low)

    drawn = []
    for name, points in series.items():
        dots = [(x(step), y(value)) for step, value in points] if intervals is not None else ()
        points = [*points[:: ceil(len(points) / MAX_POINTS)], points[-1]]
        outline = bands.get(name, ())
        edges = [(step, low) for step, low, _ in outline] + [(step, high) for step, _, high in reversed(outline)]
        path, band = (" ".join(f"{x(step):.2f},{y(value):.2f}" for step, value in each) for each in (points, edges))
        drawn.append(Line(name, path, points[-1][1], y(points[-1][1]), dots, band))
    return Lines(
        last,
        drawn,
        [Tick(x(step), label) for step, label in ticks(first, last) if step == int(step)],
        [Tick(y(value), label) for value, label in ticks(low, high)],
    )
