"""Finds the layout of a file by its columns and values, or the columns that hold prompts and responses."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rlaif.core.errors import InputError
from rlaif.data.layouts import Layout, load, names
from rlaif.data.sources import records
from rlaif.data.sources.dotted import resolve
from rlaif.data.sources.hf import saved_rows
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.shape import Shape, shape_of
from rlaif.data.sources.shaped import by_layout
from rlaif.data.sources.source import Row

# Rows that are read to find the layout, and rows that are shown.
SAMPLE = 100
SHOWN = 3
# The share of rows that a layout must be able to read.
ENOUGH = 0.6
# Usual columns of prompts and responses, the most usual first.
PROMPTS = ("prompt", "messages", "conversations", "question", "instruction", "query", "input", "text", "problem")
RESPONSES = (
    *("responses", "completions.response", "completions.text", "completions", "generations", "candidates", "answers"),
    *("response", "completion", "output", "answer"),
)


@dataclass(frozen=True)
class Guess:
    """The section of the pipeline file for a source, the first rows as they would be read, and warnings."""

    section: str
    rows: Sequence[str]
    warnings: Sequence[str]


def guess(path: Path) -> Guess:
    """Return how to read a file or a folder saved by `datasets`. Raises InputError if no column can be a prompt."""
    source = saved_rows(path) if path.is_dir() else records(path)
    rows = [(at, row) for at, row in islice(source, SAMPLE) if not isinstance(row, RowError)]
    if not rows:
        raise InputError("no rows", where=str(path))
    key = "dataset" if path.is_dir() else "path"
    head = f"collect:\n  sources:\n    - {key}: {json.dumps(str(path), ensure_ascii=False)}\n"
    if found := _layout_of(rows):
        layout, shapes, lost = found
        warnings = [f"{count:,} of {len(rows):,} rows cannot be read: {reason}" for reason, count in lost.items()]
        section = f"{head}      layout: {layout.name}  # {layout.title}\n"
        return Guess(section, [_shown(shape) for shape in shapes[:SHOWN]], warnings)
    return _by_columns(head, [row for _, row in rows if isinstance(row, Mapping)])


def _layout_of(rows: Sequence[Row]) -> tuple[Layout, list[Shape], dict[str, int]] | None:
    """Return the layout that knows most of the columns, among those that can read the rows."""
    known = {name for _, row in rows if isinstance(row, Mapping) for name in row}
    fitting = [layout for layout in map(load, names()) if not layout.missing(known) and not layout.absent & known]
    for layout in sorted(fitting, key=lambda each: _rank(each, known), reverse=True):
        shapes, lost = _read(layout, rows)
        if _has_keys(layout, rows) and len(shapes) >= ENOUGH * len(rows):
            return layout, shapes, lost
    return None


def _rank(layout: Layout, known: set[str]) -> tuple[int, int]:
    optional = sum(bool(known.intersection(each)) for each in layout.optional)
    return len(layout.columns) + optional, len(layout.columns)


def _has_keys(layout: Layout, rows: Sequence[Row]) -> bool:
    """Whether the first item of the list in the layout's `keys` column has the other keys."""
    if not layout.keys:
        return True
    column, *keys = layout.keys
    for _, row in rows:
        items = row.get(column) if isinstance(row, Mapping) else None
        if items:
            return isinstance(items, list) and isinstance(items[0], Mapping) and all(key in items[0] for key in keys)
    return False


def _read(layout: Layout, rows: Sequence[Row]) -> tuple[list[Shape], dict[str, int]]:
    shapes: list[Shape] = []
    lost: dict[str, int] = {}
    for _, row in by_layout(iter(rows), layout):
        try:
            if isinstance(row, RowError):
                raise row
            shape = shape_of(row)
        except RowError as error:
            lost[error.reason] = lost.get(error.reason, 0) + 1
        else:
            shapes += [shape] if shape is not None else []
    return shapes, lost


def _shown(shape: Shape) -> str:
    lines = [f"{turn['role']}: {turn['content']}" for turn in shape.prompt.messages]
    lines += [f"response {place}: {each.text or f'({each.lost})'}" for place, each in enumerate(shape.answers, 1)]
    for place, judge, given in shape.scored:
        lines += [f"score of response {place + 1} by {judge}: {scores.criterion} = {value}" for scores, value in given]
    for judge, vote in shape.votes:
        sides = {"first": f"response {vote.first + 1} is better than {vote.second + 1}"}
        sides |= {"second": f"response {vote.second + 1} is better than {vote.first + 1}"}
        sides |= {"tie": f"responses {vote.first + 1} and {vote.second + 1} tie"}
        lines.append(f"preference of {judge}: {sides.get(vote.preferred or '', 'no vote')}")
    return "\n".join(lines)


def _by_columns(head: str, rows: Sequence[Mapping[str, Any]]) -> Guess:
    prompt = next(_present(PROMPTS, rows), None)
    if prompt is None:
        known = ", ".join(dict.fromkeys(name for row in rows for name in row))
        raise InputError(f"no column looks like a prompt: {known}", fix="Name it as columns.prompt, or write a query.")
    response = next((name for name in _present(RESPONSES, rows) if name != prompt), None)
    columns = f"prompt: {prompt}" + (f", responses: {response}" if response else "")
    shown = []
    for row in rows[:SHOWN]:
        values = [(name, resolve(row, name)[1]) for name in (prompt, response) if name]
        shown.append("\n".join(f"{name}: {value}" for name, value in values))
    warning = "No layout fits. These columns are a guess by their names, and no scores or preferences are read."
    return Guess(f"{head}      columns: {{{columns}}}\n", shown, [warning])


def _present(candidates: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (name for name in candidates if any(resolve(row, name)[0] for row in rows))
