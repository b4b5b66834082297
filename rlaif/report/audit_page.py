"""Renders an audit as one self-contained HTML page, in the style of the report."""

from itertools import groupby
from pathlib import Path

from rlaif import __version__
from rlaif.context.run import now
from rlaif.core.statistics import Estimate
from rlaif.evaluation.audit.figures import number
from rlaif.evaluation.audit.types import MEASURES, SECTIONS, Audit, Finding
from rlaif.report import environment, put, style
from rlaif.report.labels import label_cells


def write(audit: Audit, title: str, path: Path) -> None:
    """Write the page to `path` atomically."""
    put(render(audit, title), path)


def render(audit: Audit, title: str) -> str:
    """Return the page as text."""
    page = environment(Path(__file__).parent / "page").get_template("audit.html.jinja")
    written = {"version": __version__, "written": now(), "style": style()}
    return label_cells(page.render(audit=audit, title=title, sections=sections(audit), **written))


def sections(audit: Audit) -> list[tuple[str, list[dict[str, object]]]]:
    """Return the rows of the table in audit_table.jinja, by section."""
    return [
        (SECTIONS[section].format(gold=audit.gold), [_row(*row) for row in rows])
        for section, rows in groupby(audit.rows, key=lambda row: MEASURES[row[0]].section)
    ]


def _row(measure: str, of: str | None, found: list[Estimate | None]) -> dict[str, object]:
    unit = MEASURES[measure].unit
    cells = [None if each is None or each.value is None else _cell(each.value, each, unit) for each in found]
    return {
        "name": measure,
        "label": Finding(measure, Estimate(None, 0), of).label,
        "cells": cells,
        "share": unit == "share",
    }


def _cell(value: float, estimate: Estimate, unit: str) -> dict[str, object]:
    ends = [number(end, unit) for end in estimate.interval or ()]
    percent = [100 * each for each in (value, *(estimate.interval or (value, value)))]
    return {
        "text": number(value, unit),
        "ends": ends,
        "n": estimate.n,
        "at": percent[0],
        "low": percent[1],
        "high": percent[2],
    }
