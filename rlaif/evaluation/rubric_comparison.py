"""Measures two rubrics of one judge against a gold standard on the same pairs: agreement of each, and the difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from rlaif.core.statistics import Estimate, Measure, estimates, share, total
from rlaif.evaluation.audit.figures import number, write
from rlaif.evaluation.audit.metrics import Audited, order_pairs
from rlaif.evaluation.scorecard import CREDIT
from rlaif.store.store import Row, Store

if TYPE_CHECKING:
    from rich.console import Console

# The share of the gold prompts that proposals are made from; the other prompts measure them.
FIRST_PART: Final = 0.5
_MEASURES: Final[dict[str, Measure]] = {
    "old": share(total("old"), total("pairs")),
    "new": share(total("new"), total("pairs")),
    "old_ties": share(total("old_ties"), total("pairs")),
    "new_ties": share(total("new_ties"), total("pairs")),
    "difference": share(lambda sums: sums["new"] - sums["old"], total("pairs")),
}


def in_first_part(row: Row, first: float = FIRST_PART) -> bool:
    """Return whether a pair (a row of `outcomes.sql`) belongs to the part of the prompts that proposals are made from.

    The part follows from a digest of the prompt's text alone, so it is the same in every run and for every gold standard.
    """
    return int(row["digest"][:8], 16) < first * 16**8


@dataclass(frozen=True)
class RubricAgreement:
    """How often a judge orders pairs as the gold does, ties half, with the old and the new rubric and as the difference.

    All estimates are about the pairs that every rubric that has this criterion has ordered; `criterion` is None for the
    judge as a whole. An estimate is None if a rubric lacks the criterion.
    """

    criterion: str | None
    old: Estimate | None
    new: Estimate | None
    difference: Estimate | None


@dataclass(frozen=True)
class RubricComparison:
    """Two rubrics of one judge on the part of the gold prompts that proposals are not made from.

    `unjudged` pairs lack a score by one of the rubrics and are left out.
    """

    judge: str
    gold: str
    old_rubric: str
    new_rubric: str
    prompts: int
    pairs: int
    unjudged: int
    agreements: Sequence[RubricAgreement]
    old_ties: Estimate
    new_ties: Estimate

    @property
    def verdict(self) -> Literal["better", "worse", "undecided"]:
        """Whether the interval of the difference in agreement lies above or below zero."""
        difference = self.agreements[0].difference
        low, high = (difference.interval if difference else None) or (0.0, 0.0)
        return "better" if low > 0 else "worse" if high < 0 else "undecided"


def compare_rubrics(
    store: Store,
    old: Audited,
    new: Audited,
    gold: Audited,
    generators: Sequence[str],
    rubrics: tuple[str, str],
    *,
    first: float = FIRST_PART,
) -> RubricComparison:
    """Measure a judge with its old and its new rubric by stored scores. `rubrics` are the names of the two."""
    numbers = order_pairs(store, [gold, old, new], generators)
    right = numbers[0]

    def outcomes(voices: dict[str | None, int], judge: Audited, criterion: str | None) -> list[Row] | None:
        if criterion is not None and criterion not in judge.criteria:
            return None
        # A rubric with one criterion has no separate voice for it.
        voice, against = voices.get(criterion, voices[None]), right.get(criterion, right[None])
        rows = store.query("evaluation/audit/sql/outcomes", voice=voice, gold=against)
        return [row for row in rows if not in_first_part(row, first)]

    whole = outcomes(numbers[1], old, None) or []
    both = _estimates(whole, outcomes(numbers[2], new, None) or [])
    agreements = [RubricAgreement(None, both["old"], both["new"], both["difference"])]
    for criterion in dict.fromkeys([*old.criteria, *new.criteria]):
        rows = outcomes(numbers[1], old, criterion), outcomes(numbers[2], new, criterion)
        agreements.append(_agreement(criterion, *rows))
    return RubricComparison(
        old.name,
        gold.name,
        *rubrics,
        prompts=len({row["prompt"] for row in whole}),
        pairs=len(whole),
        unjudged=len(whole) - both["old"].n,
        agreements=agreements,
        old_ties=both["old_ties"],
        new_ties=both["new_ties"],
    )


def _agreement(criterion: str, old: list[Row] | None, new: list[Row] | None) -> RubricAgreement:
    found = _estimates(old if old is not None else new or [], new if new is not None else old or [])
    return RubricAgreement(
        criterion,
        found["old"] if old is not None else None,
        found["new"] if new is not None else None,
        found["difference"] if old is not None and new is not None else None,
    )


def _estimates(old: Sequence[Row], new: Sequence[Row]) -> dict[str, Estimate]:
    """Return the measures over the pairs that both have ordered; both lists are about the same pairs in the same order."""
    ordered = [
        (before["prompt"], before["outcome"], after["outcome"])
        for before, after in zip(old, new, strict=True)
        if before["outcome"] is not None and after["outcome"] is not None
    ]
    sums = []
    for _, group in groupby(ordered, key=lambda pair: pair[0]):
        pairs = list(group)
        sums.append(
            {
                "old": sum(CREDIT[before] for _, before, _ in pairs),
                "new": sum(CREDIT[after] for _, _, after in pairs),
                "old_ties": float(sum(before == 0 for _, before, _ in pairs)),
                "new_ties": float(sum(after == 0 for _, _, after in pairs)),
                "pairs": float(len(pairs)),
            }
        )
    return estimates(sums, _MEASURES)


VERDICTS: Final = {
    "better": "The new rubric agrees with the gold more often: the interval of the difference lies above zero.",
    "worse": "The new rubric agrees with the gold less often: the interval of the difference lies below zero.",
    "undecided": "No difference is shown: its interval contains zero.",
}


def render_comparison(found: RubricComparison, console: "Console") -> None:
    """Print the agreement of both rubrics side by side, and what the difference shows."""
    from rich.table import Table
    from rich.text import Text

    about = f"{found.pairs:,} pairs of {found.prompts:,} prompts"
    table = Table(title=f"{found.judge}: agreement with {found.gold} on {about}", title_justify="left")
    table.add_column("", overflow="fold")
    for name in (found.old_rubric, found.new_rubric, "difference"):
        table.add_column(Text(name), justify="right", overflow="fold")
    for each in found.agreements:
        label = "all criteria" if each.criterion is None else each.criterion
        table.add_row(Text(label), _percent(each.old), _percent(each.new), _points(each.difference))
    table.add_row("ties", _percent(found.old_ties), _percent(found.new_ties), "")
    console.print(table)
    if found.unjudged:
        console.print(f"{found.unjudged:,} pairs have no score by one of the rubrics and are left out.")
    console.print(VERDICTS[found.verdict])


def _percent(estimate: Estimate | None) -> str:
    return write(estimate, "share", "\n").rpartition(" n ")[0] if estimate and estimate.value is not None else "–"


def _points(estimate: Estimate | None) -> str:
    """Format a difference, such as +6.9 points [2.1, 11.5]."""
    if estimate is None or estimate.value is None:
        return "–"
    text = f"{'+' if estimate.value > 0 else ''}{number(estimate.value, 'share')} points"
    if estimate.interval:
        text += f"\n[{number(estimate.interval[0], 'share')}, {number(estimate.interval[1], 'share')}]"
    return text
