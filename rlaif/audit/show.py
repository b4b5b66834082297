"""An audit as one table for a terminal."""

from typing import TYPE_CHECKING

from rlaif.audit.findings import MEASURES, SECTIONS, Audit, Finding
from rlaif.statistics import Estimate

if TYPE_CHECKING:
    from rich.console import Console


def render(audit: Audit, console: "Console") -> None:
    """Measures by judge, each with its interval and what it was measured on."""
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("measure")
    for judge in audit.judges:
        table.add_column(Text(judge.judge), justify="right")
    section = None
    for measure, of, found in audit.rows:
        meaning = MEASURES[measure]
        if meaning.section != section:
            section = meaning.section
            table.add_section()
            table.add_row(Text(SECTIONS[section].format(gold=audit.gold), style="bold"))
        label = Finding(measure, Estimate(None, 0), of).label
        table.add_row(Text(label), *(write(estimate, meaning.unit) for estimate in found))
    console.print(table)
    console.print(
        "In parentheses: 95 % bootstrap interval over prompts; n counts pairs, answers, scores or prompts. "
        "Points are hundredths of the scale.",
        markup=False,
    )
    if audit.gold is None:
        console.print("No gold judge: name one with --gold, or vote with `rlaif label`.", markup=False)


def write(estimate: Estimate | None, unit: str) -> str:
    """An estimate in words: 66.2 % (61.0 to 71.3)  n 464."""
    if estimate is None or estimate.value is None:
        return "–"
    text = number(estimate.value, unit)
    if unit == "share":
        text += " %"
    if estimate.interval:
        text += f" ({number(estimate.interval[0], unit)} to {number(estimate.interval[1], unit)})"
    return f"{text}  n {estimate.n:,}"


def number(value: float, unit: str) -> str:
    """A value without its unit: shares in percent, coefficients with two digits, points with one."""
    text = {"share": f"{100 * value:.1f}", "coefficient": f"{value:.2f}", "points": f"{value:.1f}"}[unit]
    # What rounds to zero has no sign.
    return text.replace("-", "−") if float(text) else text.removeprefix("-")
