"""Evaluations and agreements as tables for a terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rlaif.evaluate.agree import Agreement
from rlaif.evaluate.compare import Evaluation

if TYPE_CHECKING:
    from rich.console import Console


def render(evaluation: Evaluation, console: "Console") -> None:
    """Base against trained: scores in hundredths, win rates, lengths, and what is missing."""
    from rich.table import Table

    base, trained = evaluation.base, evaluation.trained
    table = Table()
    table.add_column("0 to 100")
    for name in ("base", "trained", "gain", "trained wins"):
        table.add_column(name, justify="right")
    for each in evaluation.criteria:
        table.add_row(each.name, *_gain(each.base_percent, each.trained_percent), _share(each.win_rate))
    wins = _share(evaluation.win_rate)
    if evaluation.interval:
        wins += f" [{_share(evaluation.interval[0])}, {_share(evaluation.interval[1])}]"
    table.add_section()
    table.add_row("weighted", *_gain(base.score, trained.score), wins, style="bold")
    table.add_section()
    for unit in ("words", "tokens"):
        table.add_row(f"mean {unit}", *_gain(getattr(base, unit), getattr(trained, unit)), "")
    console.print(
        f"{trained.name} against {base.name}, judged by {evaluation.judge} on {evaluation.prompts:,} held-out prompts",
        style="bold", markup=False, highlight=False,
    )  # fmt: skip
    console.print(table)
    for line in _notes(evaluation):
        console.print(line, markup=False, highlight=False)


def _notes(evaluation: Evaluation) -> list[str]:
    lines = []
    if evaluation.prompts:
        lines.append(f"Ties count half ({_share(evaluation.ties)} of prompts); the interval is 95 %, over prompts.")
    if evaluation.longer_wins is not None:
        lines.append(f"The longer answer scores higher on {_share(evaluation.longer_wins)} "
                     f"of the {evaluation.longer_prompts:,} prompts where lengths and scores differ.")  # fmt: skip
    if evaluation.excluded:
        lines.append(f"Prompts left out: {_counts(evaluation.excluded)}.")
    for side, name in ((evaluation.base, "base"), (evaluation.trained, "trained")):
        if side.failures:
            lines.append(f"Responses of {name} without a score: {_counts(side.failures)} ({side.responses:,} sampled).")
    return lines


def render_agreement(agreement: Agreement, console: "Console") -> None:
    """How two judges differ: by criterion, and in the order of answers."""
    from rich.table import Table

    console.print(f"{agreement.first} and {agreement.second}", style="bold", markup=False, highlight=False)
    table = Table()
    table.add_column("criterion")
    headings = ("answers", "Spearman", "same value", f"mean of {agreement.first}", f"mean of {agreement.second}")
    for name in headings:
        table.add_column(name, justify="right")
    for each in agreement.criteria:
        table.add_row(
            each.name, f"{each.answers:,}", "–" if each.spearman is None else f"{each.spearman:.2f}", _share(each.exact),
            _number(each.first_percent), _number(each.second_percent),
        )  # fmt: skip
    if agreement.criteria:
        console.print(table)
    else:
        console.print("No answer has scores of both under a criterion of the same name.", highlight=False)
    if agreement.pairs:
        shares = (
            f"{_share(count / agreement.pairs)} {how}"
            for count, how in ((agreement.same, "the same"), (agreement.opposite, "opposite"), (agreement.tied, "tied"))
        )
        console.print(
            f"Order of {agreement.pairs:,} pairs of answers: {', '.join(shares)}. "
            f"Opposite somewhere on {agreement.flipped:,} of {agreement.prompts:,} prompts.", highlight=False,
        )  # fmt: skip


def _gain(base: float | None, trained: float | None) -> tuple[str, str, str]:
    gain = "" if base is None or trained is None else f"{trained - base:+.1f}"
    return _number(base), _number(trained), gain


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
