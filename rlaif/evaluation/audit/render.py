"""Prints an audit as one table in a terminal."""

from typing import TYPE_CHECKING

from rlaif.core.statistics import Estimate
from rlaif.evaluation.audit.types import MEASURES, SECTIONS, Audit, Finding, Findings

if TYPE_CHECKING:
    from rich.console import Console

# The measures in a judge's summary line.
HEADLINE = ("accuracy", "longest", "ties", "exact_repeat", "swap_consistency", "failures")


def render(audit: Audit, console: "Console") -> None:
    """Print the measures by judge, under the names that `gate` uses, and a summary line per judge."""
    from rich.table import Table
    from rich.text import Text

    table = Table(pad_edge=False)
    table.add_column("measure", no_wrap=True)
    table.add_column("meaning", overflow="fold")
    for judge in audit.judges:
        table.add_column(Text(judge.judge), justify="right", overflow="fold")
    section = None
    for measure, of, found in audit.rows:
        meaning = MEASURES[measure]
        if meaning.section != section:
            section = meaning.section
            table.add_section()
            table.add_row("", Text(SECTIONS[section].format(gold=audit.gold), style="bold"))
        label = Finding(measure, Estimate(None, 0), of).label
        cells = (write(estimate, meaning.unit, "\n") for estimate in found)
        table.add_row(measure, Text(label), *cells)
    console.print(table)
    console.print(
        "In brackets: 95 % bootstrap interval over prompts; n: number of pairs, responses, scores or prompts. "
        "Points are hundredths of the scale.",
        markup=False,
        highlight=False,
    )
    for judge in audit.judges:
        console.print(f"{judge.judge}: {verdict(judge)}", markup=False, highlight=False)
    if audit.gold is None:
        console.print("No gold judge. Choose one with --gold, or vote with `rlaif label`.", markup=False)


def verdict(judge: Findings) -> str:
    """Return the main measures of a judge in one line, under the names that `gate` uses."""
    parts = []
    for name in HEADLINE:
        estimate = judge.get(name)
        if estimate and estimate.value is not None:
            parts.append(f"{name} {number(estimate.value, MEASURES[name].unit)} %")
    raised = [each for each in judge.found if each.measure == "raised" and each.estimate.value]
    if raised:
        worst = max(raised, key=lambda each: each.estimate.value or 0.0)
        parts.append(f"raised {number(worst.estimate.value or 0.0, 'share')} % by {worst.of}")
    return ", ".join(parts) or "nothing measured"


def write(estimate: Estimate | None, unit: str, between: str = " ") -> str:
    """Format an estimate, such as 66.2 % [61.0, 71.3] n 464, with `between` after the value."""
    if estimate is None or estimate.value is None:
        return "–"
    text = number(estimate.value, unit)
    if unit == "share":
        text += " %"
    if estimate.interval:
        text += f"{between}[{number(estimate.interval[0], unit)}, {number(estimate.interval[1], unit)}]"
    return f"{text} n {estimate.n:,}"


def number(value: float, unit: str) -> str:
    """Format a value without its unit: shares in percent, coefficients with two decimals, points with one."""
    text = {"share": f"{100 * value:.1f}", "coefficient": f"{value:.2f}", "points": f"{value:.1f}"}[unit]
    # A value that rounds to zero has no sign.
    return text.replace("-", "−") if float(text) else text.removeprefix("-")
