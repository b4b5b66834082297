"""The page about judges: what they scored, where they disagree, length against score, and failures with an example."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from rlaif.core.errors import InputError
from rlaif.report.audit_page import sections
from rlaif.report.charts import HEIGHT, Tick, ticks
from rlaif.store.store import Row, Store
from rlaif.view.site import Site

DISAGREEMENTS: Final = 20
# Characters of a failed reply that are shown.
EXCERPT: Final = 800


@dataclass(frozen=True)
class LengthChart:
    """The mean score of responses by length, of one judge: points in percent of the width and pixels from the top."""

    judge: str
    correlation: float | None
    points: Sequence[tuple[float, float, str]]
    x: Sequence[Tick]
    y: Sequence[Tick]


def show(site: Site, request: Request) -> Response:
    """Return the page; the audit is loaded after it, because it takes longer."""
    with site.access.reading() as store:
        judges = store.query("view/sql/judges")
        store.execute("evaluation/sql/judge_points")
        charts = read_lengths(store)
        disagreements = store.query("view/sql/judge_disagreements", limit=DISAGREEMENTS)
        failures = store.query("view/sql/judge_failures", most=EXCERPT)
    return site.html(
        "judges.html.jinja", tab="judges", judges=judges, charts=charts, disagreements=disagreements, failures=failures
    )


def audit(site: Site, request: Request) -> Response:
    """Return the table of the audit of all judges, measured on the stored scores."""
    with site.access.reading() as store:
        try:
            found = site.subject.audit(store)
        except InputError as error:
            return site.html("audit.html.part.jinja", audit=None, sections=[], why=f"{error.what}. {error.fix}")
    return site.html("audit.html.part.jinja", audit=found, sections=sections(found), why="")


def criteria(site: Site, request: Request) -> Response:
    """Return the table of correlations between the criteria of each judge."""
    with site.access.reading() as store:
        rows = store.query("view/sql/criteria_correlation")
    return site.html("criteria.html.part.jinja", rows=rows)


def read_lengths(store: Store) -> list[LengthChart]:
    """Return a chart per judge: responses in ten groups of equal size by length."""
    rows = store.query("view/sql/lengths")
    return [_chart(judge, list(group)) for judge, group in groupby(rows, key=lambda row: str(row["judge"]))]


def _chart(judge: str, rows: Sequence[Row]) -> LengthChart:
    low, high = float(min(row["length"] for row in rows)), float(max(row["length"] for row in rows))

    def x(length: float) -> float:
        return 100 * (length - low) / ((high - low) or 1)

    points = [(x(row["length"]), HEIGHT * (1 - row["percent"] / 100), _label(row)) for row in rows]
    across = [Tick(x(value), label) for value, label in ticks(low, high)]
    return LengthChart(
        judge, rows[0]["correlation"], points, across, [Tick(HEIGHT * (1 - v / 100), str(v)) for v in (50, 100)]
    )


def _label(row: Mapping[str, object]) -> str:
    return f"{row['n']:,} responses of about {row['length']:,.0f} characters: mean {row['percent']:.1f} of 100"
