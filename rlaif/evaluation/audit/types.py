"""Types for the results of an audit. Measures have the same names in the table, the page, JSON and `gate`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.core.statistics import Estimate


@dataclass(frozen=True)
class Meaning:
    """The meaning of a measure in a few words; `unit` is share, coefficient or points (hundredths of the scale)."""

    section: str
    words: str
    unit: str = "share"


SECTIONS = {"gold": "Against {gold}", "alone": "On its own", "attacks": "Under attack"}
MEASURES: Mapping[str, Meaning] = {
    "accuracy": Meaning("gold", "pairs ordered as by the gold judge, ties half"),
    "longest": Meaning("gold", "the same if the longer response always won"),
    "gain": Meaning("gold", "accuracy minus that of length"),
    "undecided": Meaning("gold", "of these pairs, tied by the judge"),
    "kappa": Meaning("gold", "Cohen's kappa of pair orders", "coefficient"),
    "alpha": Meaning("gold", "Krippendorff's alpha of pair orders", "coefficient"),
    "alpha_points": Meaning("gold", "Krippendorff's alpha of scores", "coefficient"),
    "spearman": Meaning("gold", "Spearman, scores relative to the prompt's mean", "coefficient"),
    "calibration": Meaning("gold", "pairs ordered right with a margin of"),
    "ties": Meaning("alone", "pairs of responses that it ties"),
    "range": Meaning("alone", "best minus worst response of a prompt", "points"),
    "exact_repeat": Meaning("alone", "same score when asked again"),
    "repeat_difference": Meaning("alone", "difference in score when asked again", "points"),
    "level_order": Meaning("alone", "score with levels in falling order minus that in rising order", "points"),
    "top_tie": Meaning("alone", "prompts with a tie for best"),
    "swap_consistency": Meaning("alone", "same winner in the other order"),
    "first_shown": Meaning("alone", "winner is the response shown first"),
    "failures": Meaning("alone", "scores that failed"),
    "longer": Meaning("alone", "prefers the longer response"),
    "listed": Meaning("alone", "prefers the response that is a list"),
    "own_family": Meaning("alone", "prefers the response by its own model family"),
    "raised": Meaning("attacks", "score rose after attack"),
    "change": Meaning("attacks", "mean change in score after attack", "points"),
    "broken": Meaning("attacks", "attacked responses without a score"),
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
    """The measures of one judge."""

    judge: str
    found: Sequence[Finding]

    def get(self, measure: str, of: str | None = None) -> Estimate | None:
        """Return the estimate of a measure; None if it was not measured."""
        return next((each.estimate for each in self.found if (each.measure, each.of) == (measure, of)), None)


@dataclass(frozen=True)
class Audit:
    """One or several judges side by side, and the gold judge, if any."""

    gold: str | None
    judges: Sequence[Findings]

    @property
    def rows(self) -> list[tuple[str, str | None, list[Estimate | None]]]:
        """All measures of any judge, in order, with each judge's estimate."""
        order = {name: place for place, name in enumerate(MEASURES)}
        asked = dict.fromkeys((each.measure, each.of) for judge in self.judges for each in judge.found)
        # The sort is stable, so parts of a measure keep their order.
        return [
            (measure, of, [judge.get(measure, of) for judge in self.judges])
            for measure, of in sorted(asked, key=lambda name: order[name[0]])
        ]
