"""Draws the main charts of the report as SVG files for papers: white background, styles inside, plain coordinates.

The geometry is that of the report's charts. Percentages and nested drawings are resolved, because programs that convert SVG
to PDF or PNG treat them differently.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlaif.core.text import FILTERS
from rlaif.evaluation import CheckpointCurve, Match
from rlaif.report import data, environment, put
from rlaif.report.charts import HEIGHT, Histogram, Lines
from rlaif.report.checkpoint_charts import checkpoint_charts
from rlaif.store.store import Store

# Pixels of the plot area, and the factor from the charts' height to it.
WIDTH, SCALE = 440, 2
# Pixels between the rows of a plot of intervals.
ROW = 34
_count, _number, _percent = FILTERS["count"], FILTERS["number"], FILTERS["percent"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its 95 % interval."""

    label: str
    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Plot:
    """One file: its name without the suffix, its texts, and the chart."""

    name: str
    title: str
    about: str
    x: str
    y: str
    chart: Histogram | Lines | Sequence[Interval]

    @property
    def kind(self) -> str:
        if isinstance(self.chart, Histogram | Lines):
            return type(self.chart).__name__.lower()
        return "intervals"


def write(
    store: Store, folder: Path, matches: Sequence[Match] = (), checkpoints: CheckpointCurve | None = None
) -> list[Path]:
    """Write the plots for which the store has data to a folder; return their paths. Existing files are replaced."""
    store.execute("report/sql/views")
    paths = []
    for plot in [*_scores(store), *_pairs(store), *_wins(matches), *_curves(store), *_checkpoints(checkpoints)]:
        path = folder / f"{re.sub(r'[^0-9A-Za-z]+', '-', plot.name).strip('-').lower()}.svg"
        put(render(plot), path)
        paths.append(path)
    return paths


def render(plot: Plot) -> str:
    """Return a plot as the text of an SVG file."""
    height = SCALE * HEIGHT if plot.kind != "intervals" else ROW * len(plot.chart)  # type: ignore[arg-type]
    return (
        environment()
        .get_template("plot.svg.jinja")
        .render(plot=plot, chart=plot.chart, width=WIDTH, scale=SCALE, row=ROW, area=height)
    )


def _scores(store: Store) -> Iterator[Plot]:
    for judge, opinions in data.read_opinions(store).items():
        for opinion in opinions:
            row = opinion.row
            about = f"{_count(row['scored'])} responses, mean {_number(row['mean'], 2)}, median {_number(row['middle'], 2)}"
            title = f"{FILTERS['words'](row['criterion'])}, scored by {judge}"
            yield Plot(f"scores {judge} {row['criterion']}", title, about, "score", "responses", opinion.chart)


def _pairs(store: Store) -> Iterator[Plot]:
    pairs = data.read_pairs(store)
    if pairs is None:
        return
    row = pairs.row
    if row["middle"] is not None:
        about = f"{_count(row['pairs'])} pairs, median {_number(row['middle'])}"
        label = "chosen minus rejected score, of 100"
        yield Plot("margins", "Margins", about, label, "pairs", pairs.margins)
    longer, shorter = _percent(row["longer"] / row["pairs"]), _percent(row["shorter"] / row["pairs"])
    about = f"{_count(row['pairs'])} pairs, chosen longer in {longer}, shorter in {shorter}"
    label = "chosen minus rejected words, % of the longer"
    yield Plot("lengths", "Length differences", about, label, "pairs", pairs.lengths)


def _wins(matches: Sequence[Match]) -> Iterator[Plot]:
    rows = [
        Interval(f"{each.trained.name}, by {each.judge}", each.win_rate, *each.interval)
        for each in matches
        if each.interval and each.win_rate is not None
    ]
    if rows:
        about = f"held-out prompts, ties half, 95 % intervals over {_count(max(each.prompts for each in matches))} prompts"
        yield Plot("wins", "Wins against the base", about, "wins, %", "", rows)


def _curves(store: Store) -> Iterator[Plot]:
    for curve in data.read_curves(store):
        yield Plot(f"training {curve.title}", curve.title, "", "training step", "", curve.chart)


def _checkpoints(curve: CheckpointCurve | None) -> Iterator[Plot]:
    for each in checkpoint_charts(curve) if curve else ():
        yield Plot(f"checkpoints {each.title.partition(',')[0]}", each.title, "", "training step", "", each.chart)
