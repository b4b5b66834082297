"""Prints evaluations and agreements as tables in a terminal."""

from typing import TYPE_CHECKING

from rlaif.evaluation.agreement import Agreement
from rlaif.evaluation.checkpoint_curve import CheckpointCurve
from rlaif.evaluation.table import checkpoint_table, notes, number, share, table
from rlaif.evaluation.types import Evaluation

if TYPE_CHECKING:
    from rich.console import Console


def render(evaluation: Evaluation, console: "Console") -> None:
    """Print all models next to their base in one table, and notes on it."""
    from rich.table import Table

    models, blocks = table(evaluation)
    shown = Table()
    shown.add_column("")
    for name in models:
        shown.add_column(name, justify="right")
    for block in blocks:
        shown.add_section()
        shown.add_row(block.title, *block.head, style="bold")
        for line in block.lines:
            shown.add_row(f"  {line.label}", *line.cells)
    console.print(shown)
    if evaluation.curve:
        _render_checkpoints(evaluation.curve, console)
    for note in notes(evaluation):
        console.print(note, markup=False, highlight=False)


def _render_checkpoints(curve: CheckpointCurve, console: "Console") -> None:
    from rich.table import Table

    steps, lines = checkpoint_table(curve)
    shown = Table(title="Checkpoints of the training")
    shown.add_column("")
    for step in steps:
        shown.add_column(step, justify="right")
    for line in lines:
        shown.add_row(line.label, *line.cells)
    console.print(shown)


def render_agreement(agreement: Agreement, console: "Console") -> None:
    """Print the agreement of two judges: by criterion, and in the order of responses."""
    from rich.table import Table

    console.print(f"{agreement.first} and {agreement.second}", style="bold", markup=False, highlight=False)
    table = Table()
    table.add_column("criterion")
    headings = ("answers", "Spearman", "same value", f"mean of {agreement.first}", f"mean of {agreement.second}")
    for name in headings:
        table.add_column(name, justify="right")
    for each in agreement.criteria:
        table.add_row(
            each.name,
            f"{each.answers:,}",
            "–" if each.spearman is None else f"{each.spearman:.2f}",
            share(each.exact),
            number(each.first_percent),
            number(each.second_percent),
        )
    if agreement.criteria:
        console.print(table)
    else:
        console.print("No response has scores by both judges on a criterion of the same name.", highlight=False)
    if agreement.pairs:
        shares = (
            f"{share(count / agreement.pairs)} {how}"
            for count, how in ((agreement.same, "the same"), (agreement.opposite, "opposite"), (agreement.tied, "tied"))
        )
        console.print(
            f"Order of {agreement.pairs:,} pairs of answers: {', '.join(shares)}. "
            f"{agreement.flipped:,} of {agreement.prompts:,} prompts have a pair in opposite order.",
            highlight=False,
        )
