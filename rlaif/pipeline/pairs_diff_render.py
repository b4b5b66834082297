"""Print a difference. Texts of prompts and models are untrusted, so hidden and control characters are made visible."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rlaif.core.text import visible
from rlaif.pipeline.pairs_diff import Difference, Example, Side

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def render(difference: Difference, console: "Console") -> None:
    """Print the two sides, what became of the pairs and why, the criteria behind it, and examples."""
    for part in _parts(difference):
        console.print(part, markup=False, highlight=False)


def _parts(found: Difference) -> Iterator["RenderableType"]:
    sides = (("A", found.a), ("B", found.b))
    yield _table(
        "",
        ["", "pairs", "prompts", "margin", "chosen length", "rejected length", "longer is chosen"],
        [[name, *_side(side)] for name, side in sides],
    )
    yield "\n".join(f"{name}: {', '.join(side.settings) or 'the pipeline as it is'}" for name, side in sides)
    yield _table(
        "From A to B",
        ["pairs", "fate", "in the other pairing"],
        [[f"{change.pairs:,}", change.fate, change.why or ""] for change in found.changes],
    )
    if any(cause.cause for cause in found.causes):
        yield _table(
            "Criteria behind the changes (hundredths of the scale)",
            ["fate", "criterion", "part of the margin in A", "in B", "largest change in", "known"],
            [
                [
                    cause.fate,
                    cause.criterion,
                    _number(cause.lead_a),
                    _number(cause.lead_b),
                    f"{cause.cause:,}",
                    f"{cause.known:,} of {cause.pairs:,}",
                ]
                for cause in found.causes
            ],
        )
    elif found.lost or found.gained or found.flipped:
        yield "Scores and weights are the same: the pairings differ in which responses they pair."
    elif found.same:
        yield "No pair changes."
    for example in found.examples:
        yield _example(example)


def _side(side: Side) -> list[str]:
    longer = "–" if side.longer is None else f"{100 * side.longer:.0f} %"
    return [
        f"{side.pairs:,}",
        f"{side.prompts:,}",
        _number(side.margin),
        _number(side.chosen_length),
        _number(side.rejected_length),
        longer,
    ]


def _example(example: Example) -> str:
    chosen, rejected = ("chosen by B", "rejected by B") if example.fate == "gained" else ("chosen by A", "rejected by A")
    head = f"{example.fate}, prompt {example.prompt}" + (f" ({example.why})" if example.why else "")
    margins = f"margin in A {_number(example.margin_a)}, in B {_number(example.margin_b)}"
    texts = (("request", example.request), (chosen, example.chosen), (rejected, example.rejected))
    return "\n".join(["", head, margins, *(f"  {name}: {_line(text)}" for name, text in texts)])


def _line(text: str) -> str:
    return " ".join(str(visible(text)).split())


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_line(str(value))) for value in row))
    return table
