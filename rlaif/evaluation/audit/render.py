"""Prints an audit as tables in a terminal, with a verdict on each judge."""

from typing import TYPE_CHECKING

from rlaif.config import Gate
from rlaif.core.statistics import Estimate
from rlaif.evaluation.audit.figures import number, write
from rlaif.evaluation.audit.gate import shortcomings
from rlaif.evaluation.audit.types import MEASURES, SECTIONS, Audit, Finding, Findings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Columns of the terminal for each judge, and for the names and meanings of the measures.
JUDGE, OTHERS = 23, 52
# The measures in a judge's summary line.
HEADLINE = ("accuracy", "longest", "ties", "exact_repeat", "swap_consistency", "failures")


def render(audit: Audit, console: "Console", gate: Gate | None = None) -> None:
    """Print the measures by judge, under the names that `gate` uses, and a verdict per judge.

    If the judges do not fit side by side, there are several tables.
    """
    beside = max(1, (console.width - OTHERS) // JUDGE)
    for place in range(0, len(audit.judges), beside):
        console.print(_table(Audit(audit.gold, audit.judges[place : place + beside])))
    console.print(
        "In brackets: 95 % bootstrap interval over prompts; n: number of pairs, responses, scores or prompts. "
        "Points are hundredths of the scale.",
        markup=False,
        highlight=False,
    )
    for judge in audit.judges:
        console.print(f"\n{judge.judge}: {figures(judge)}", markup=False, highlight=False)
        console.print(f"Verdict: {verdict(audit, judge, gate)}", markup=False, highlight=False)


def _table(audit: Audit) -> "Table":
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
    return table


def verdict(audit: Audit, judge: Findings, gate: Gate | None) -> str:
    """Say whether a judge can be trusted: whether it is better than length alone, and whether it passes the gate."""
    gain, parts = judge.get("gain"), []
    if gain and gain.value is not None:
        low, high = gain.interval or (gain.value, gain.value)
        how = "better" if low > 0 else "worse" if high < 0 else "not clearly better"
        parts.append(f"{how} than always preferring the longer response ({write(gain, 'share')})")
    elif audit.gold is None:
        parts.append("unknown without a gold judge. Choose one with --gold, or vote with `rlaif label`")
    elif judge.judge != audit.gold:
        parts.append(f"not known, because too few pairs have an order by {audit.gold} and by {judge.judge}")
    if gate:
        missed = shortcomings(gate, Audit(audit.gold, [judge]))
        parts.append(f"it misses the gate: {', '.join(missed)}" if missed else "it passes the gate")
    return "; ".join(parts) + "." if parts else "it is the gold standard here."


def figures(judge: Findings) -> str:
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
