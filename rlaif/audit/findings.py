"""What an audit finds: measures by name, each with its meaning and its unit, the same in table, page, JSON and gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.statistics import Estimate


@dataclass(frozen=True)
class Meaning:
    """What a measure says, in a few words; `unit` is share, coefficient or points (hundredths of the scale)."""

    section: str
    words: str
    unit: str = "share"


SECTIONS = {"gold": "Against {gold}", "alone": "On its own", "attacks": "Under attack"}
MEASURES: Mapping[str, Meaning] = {
    "accuracy": Meaning("gold", "pairs ordered as the gold orders them, ties half"),
    "longest": Meaning("gold", "the same by length: the longer answer wins"),
    "gain": Meaning("gold", "accuracy over length"),
    "undecided": Meaning("gold", "of these pairs, tied by the judge"),
    "kappa": Meaning("gold", "Cohen's kappa of pair orders", "coefficient"),
    "alpha": Meaning("gold", "Krippendorff's alpha of pair orders", "coefficient"),
    "alpha_points": Meaning("gold", "Krippendorff's alpha of points", "coefficient"),
    "spearman": Meaning("gold", "Spearman, points within the prompt", "coefficient"),
    "calibration": Meaning("gold", "right where its margin is"),
    "ties": Meaning("alone", "pairs of answers that it ties"),
    "range": Meaning("alone", "from a prompt's worst answer to its best", "points"),
    "exact_repeat": Meaning("alone", "same value when asked again"),
    "repeat_difference": Meaning("alone", "difference when asked again", "points"),
    "top_tie": Meaning("alone", "best answer of a prompt not one alone"),
    "swap_consistency": Meaning("alone", "same winner when shown in the other order"),
    "first_shown": Meaning("alone", "winner is the answer shown first"),
    "failures": Meaning("alone", "scores that failed"),
    "longer": Meaning("alone", "prefers the longer answer"),
    "listed": Meaning("alone", "prefers the one that is a list"),
    "own_family": Meaning("alone", "prefers the one by its own family"),
    "raised": Meaning("attacks", "points are raised by"),
    "change": Meaning("attacks", "mean change of points by", "points"),
    "broken": Meaning("attacks", "attacked answers without a score"),
}


@dataclass(frozen=True)
class Finding:
    """One measure of a judge, or of a part `of` it: a criterion, a repeat, a failure kind, an attack."""

    measure: str
    estimate: Estimate
    of: str | None = None

    @property
    def label(self) -> str:
        words = MEASURES[self.measure].words
        return f"{words}: {self.of}" if self.of else words


@dataclass(frozen=True)
class Findings:
    """All that was found about one judge."""

    judge: str
    found: Sequence[Finding]

    def get(self, measure: str, of: str | None = None) -> Estimate | None:
        """The estimate of a measure, or None where there was nothing to measure it on."""
        return next((each.estimate for each in self.found if (each.measure, each.of) == (measure, of)), None)


@dataclass(frozen=True)
class Audit:
    """One or several judges beside each other, and the judge that is taken to be right, if any."""

    gold: str | None
    judges: Sequence[Findings]

    @property
    def rows(self) -> list[tuple[str, str | None, list[Estimate | None]]]:
        """Every measure that any judge has, in order, with each judge's estimate."""
        order = {name: place for place, name in enumerate(MEASURES)}
        asked = dict.fromkeys((each.measure, each.of) for judge in self.judges for each in judge.found)
        # Stable: parts of a measure stay in the order in which they were found.
        return [
            (measure, of, [judge.get(measure, of) for judge in self.judges])
            for measure, of in sorted(asked, key=lambda name: order[name[0]])
        ]
