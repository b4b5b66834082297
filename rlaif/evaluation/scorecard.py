"""The scorecard of judges on a benchmark whose labels are known: accuracy by subset, consistency, cost, and sample sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rlaif.core.statistics import Estimate, Interval, estimates, mean, share, total
from rlaif.evaluation.audit.figures import write
from rlaif.evaluation.audit.metrics import Audited, measure
from rlaif.evaluation.power import detectable, paired_size, single_size
from rlaif.store.store import Row, Store

if TYPE_CHECKING:
    from rich.console import Console

# The difference in accuracy whose sample size is shown.
DIFFERENCE = 0.02
# How much of a pair's point a judge gets.
CREDIT = {1: 1.0, 0: 0.5, -1: 0.0}


@dataclass(frozen=True)
class Accuracy:
    """The share of pairs that a judge orders as the labels do, ties half, with its 95 % bootstrap interval over prompts.

    `unjudged` pairs have no verdict and are left out; `subset` is None for all pairs. `right` is the share of all pairs that
    are ordered right, so that a tie or a missing verdict counts as wrong, which is the accuracy of JudgeBench. `whole` is
    the share of prompts whose pairs are all ordered right, which is the best-of-n accuracy of RewardBench 2.
    """

    subset: str | None
    pairs: int
    accuracy: float | None
    interval: Interval | None
    ties: float | None
    right: float | None
    whole: float | None
    unjudged: int


@dataclass(frozen=True)
class JudgeCard:
    """One judge on one benchmark.

    `consistent` and `first_shown` are about comparisons in both orders and None for a judge that scores. `shows_bias` is the
    smallest distance of `first_shown` from one half that this many pairs show in 80 % of the cases. `pairs_needed`
    show a difference of 2 points in accuracy: from the next judge on the same pairs, or if there is none from a known value.
    """

    judge: str
    accuracies: Sequence[Accuracy]
    consistent: Estimate | None
    first_shown: Estimate | None
    shows_bias: float | None
    failures: Estimate | None
    usd_per_thousand: float | None
    compared_with: str | None
    pairs_needed: int | None


@dataclass(frozen=True)
class Scorecard:
    """The judges of a pipeline on one benchmark, whose labels are the judge `gold`."""

    suite: str
    gold: str
    judges: Sequence[JudgeCard]


def scorecard(
    store: Store,
    suite: str,
    judges: Sequence[Audited],
    gold: Audited,
    generators: Sequence[str],
    costs: dict[str, float | None],
) -> Scorecard:
    """Measure each judge against the labels by what the store holds; calls no model."""
    found = measure(store, judges, gold, generators)
    voices, place = [], len(gold.voices)
    for judge in judges:
        voices.append(place)
        place += len(judge.voices)
    rows = [store.query("evaluation/audit/sql/outcomes", voice=voice, gold=0) for voice in voices]
    cards = []
    for number, (judge, findings) in enumerate(zip(judges, found.judges, strict=True)):
        other = (number + 1) % len(judges) if len(judges) > 1 else None
        accuracies = accuracy_by_subset(rows[number])
        cards.append(
            JudgeCard(
                judge=judge.name,
                accuracies=accuracies,
                consistent=findings.get("swap_consistency"),
                first_shown=findings.get("first_shown"),
                shows_bias=_bias(findings.get("swap_consistency")),
                failures=findings.get("failures"),
                usd_per_thousand=costs.get(judge.name),
                compared_with=None if other is None else judges[other].name,
                pairs_needed=_needed(rows[number], None if other is None else rows[other], accuracies[0].accuracy),
            )
        )
    return Scorecard(suite, gold.name, cards)


def accuracy_by_subset(rows: Sequence[Row]) -> list[Accuracy]:
    """Return the accuracy on all pairs, and on each subset if there are several."""
    subsets = sorted({row["subset"] for row in rows if row["subset"] is not None})
    every = [_accuracy(None, rows)]
    if len(subsets) > 1:
        every += [_accuracy(name, [row for row in rows if row["subset"] == name]) for name in subsets]
    return every


def _accuracy(subset: str | None, rows: Sequence[Row]) -> Accuracy:
    judged = [row for row in rows if row["outcome"] is not None]
    prompts = [[row["outcome"] for row in group] for _, group in groupby(judged, key=lambda row: row["prompt"])]
    # Prompts with several pairs count by their number of pairs.
    sums = [{"right": sum(CREDIT[outcome] for outcome in each), "pairs": float(len(each))} for each in prompts]
    found = estimates(sums, {"accuracy": share(total("right"), total("pairs"))})["accuracy"]
    return Accuracy(
        subset=subset,
        pairs=len(rows),
        accuracy=found.value,
        interval=found.interval,
        ties=mean([float(row["outcome"] == 0) for row in judged]),
        right=mean([float(row["outcome"] == 1) for row in rows]),
        whole=mean([float(all(outcome == 1 for outcome in each)) for each in prompts]),
        unjudged=len(rows) - len(judged),
    )


def _bias(consistent: Estimate | None) -> float | None:
    """Return the smallest bias that shows. Only pairs whose winner changes with the order can show any."""
    if consistent is None or consistent.value is None:
        return None
    changed = 1 - consistent.value
    found = detectable(round(changed * consistent.n))
    return None if found is None else changed * found


def _needed(rows: Sequence[Row], others: Sequence[Row] | None, accuracy: float | None) -> int | None:
    if accuracy is None:
        return None
    if others is None:
        return single_size(DIFFERENCE, accuracy)
    both = [(mine["outcome"] == 1, other["outcome"] == 1) for mine, other in zip(rows, others, strict=True)]
    return paired_size(DIFFERENCE, sum(mine != other for mine, other in both) / len(both))


def render_scorecard(card: Scorecard, console: "Console") -> None:
    """Print the judges side by side, and what the sample shows."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{card.suite}, labels of {card.gold}", title_justify="left")
    table.add_column("")
    for each in card.judges:
        table.add_column(Text(each.judge), justify="right")
    for place, accuracy in enumerate(card.judges[0].accuracies):
        cells = (_shown(each.accuracies[place]) for each in card.judges)
        table.add_row(Text(f"accuracy, {accuracy.subset or 'all pairs'} (n {accuracy.pairs:,})"), *cells)
    lines: dict[str, Callable[[JudgeCard], str]] = {
        "pairs right, ties counted as wrong": lambda each: _percent(each.accuracies[0].right),
        "prompts with all pairs right": lambda each: _percent(each.accuracies[0].whole),
        "ties": lambda each: _percent(each.accuracies[0].ties),
        "pairs without a verdict": lambda each: f"{each.accuracies[0].unjudged:,}",
        "same winner in both orders": lambda each: write(each.consistent, "share"),
        "winner is the response shown first": lambda each: write(each.first_shown, "share"),
        "failures": lambda each: write(each.failures, "share"),
        "US dollars per 1,000 judgements": lambda each: (
            "–" if each.usd_per_thousand is None else f"{each.usd_per_thousand:,.2f}"
        ),
        "pairs that show 2 points": lambda each: "–" if each.pairs_needed is None else f"{each.pairs_needed:,}",
    }
    for label, cell in lines.items():
        table.add_row(label, *(cell(each) for each in card.judges))
    console.print(table)
    for each in card.judges:
        if each.shows_bias is not None and each.consistent:
            pairs, points = f"{each.consistent.n:,} pairs in both orders", f"{100 * each.shows_bias:.1f} points"
            line = f"{each.judge}: {pairs} show a position bias of {points} or more in 80 % of the cases."
            console.print(line, markup=False, highlight=False)


def _shown(found: Accuracy) -> str:
    if found.accuracy is None:
        return "–"
    text = _percent(found.accuracy)
    return text + (f" [{100 * found.interval[0]:.1f}, {100 * found.interval[1]:.1f}]" if found.interval else "")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
