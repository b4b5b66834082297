"""Measures judges from the stored scores, without calling a model."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rlaif.core.statistics import BLOCKS, Estimate, Measure, estimates, share, total
from rlaif.evaluation.audit.coefficients import alpha_of_orders, alpha_of_points, decided, kappa, pairs, rank_correlation
from rlaif.evaluation.audit.types import Audit, Finding, Findings
from rlaif.store.store import Row, Store

# Maximum number of prompts: enough for intervals narrower than one point, in a few seconds.
PROMPTS = 10_000
SIZES = ("below 1,000 characters", "1,000 to 4,000", "4,000 to 16,000", "16,000 to 64,000", "above 64,000")
AGAINST: Mapping[str, Measure] = {
    "accuracy": share(lambda sums: sums["right"] + sums["tied"] / 2, decided),
    "longest": share(lambda sums: (decided(sums) + sums["longer_right"] - sums["longer_wrong"]) / 2, decided),
    "gain": share(lambda sums: (sums["right"] - sums["wrong"] - sums["longer_right"] + sums["longer_wrong"]) / 2, decided),
    "undecided": share(total("tied"), decided),
    "kappa": (kappa, pairs),
    "alpha": (alpha_of_orders, pairs),
    "alpha_points": (alpha_of_points, total("answers")),
    "spearman": (rank_correlation, total("answers")),
}
ALONE: Mapping[str, Measure] = {
    "ties": share(total("tied"), total("pairs")),
    "range": share(total("range"), total("ranges")),
}


def _won(column: str) -> Measure:
    return share(total(f"{column}_won"), lambda sums: sums[f"{column}_won"] + sums[f"{column}_lost"])


PREFERENCES = {"longer": _won("longer"), "listed": _won("listed"), "own_family": _won("own")}
REPEATS = {
    "exact_repeat": share(total("same"), total("pairs")),
    "repeat_difference": share(total("difference"), total("pairs")),
    "level_order": share(total("reversal"), total("reversed")),
}
SWAPS = {
    "swap_consistency": share(total("same"), total("swapped")),
    "first_shown": share(total("first_won"), total("decided")),
}
CALIBRATION = {"calibration": share(total("right"), total("pairs"))}
TOP_TIE = {"top_tie": share(total("tied"), total("prompts"))}
ATTACKED = {"raised": share(total("raised"), total("n")), "change": share(total("change"), total("n"))}
BROKEN = {"broken": share(total("broken"), total("all"))}


@dataclass(frozen=True)
class Audited:
    """A judge by name and key. `criteria` maps names to (key, weight) and is empty for a judge that only compares."""

    name: str
    key: str
    criteria: Mapping[str, tuple[str, float]]

    @property
    def voices(self) -> list[tuple[str | None, list[tuple[str, float]]]]:
        """The parts to measure: the judge as a whole, and each criterion if there are several."""
        weighed = [(key, weight) for key, weight in self.criteria.values() if weight > 0]
        alone = {name: [(key, 1.0)] for name, (key, _) in self.criteria.items()} if len(self.criteria) > 1 else {}
        return [(None, weighed), *alone.items()]


def measure(
    store: Store, judges: Sequence[Audited], gold: Audited | None, generators: Sequence[str], *, prompts: int = PROMPTS
) -> Audit:
    """Measure each judge on the responses of these generators (keys) to current prompts.

    Uses at most `prompts` prompts, preferring those that most of the judges scored or compared.
    """
    everyone = {each.key: each for each in [*([gold] if gold else []), *judges]}
    numbers = dict(zip(everyone, order_pairs(store, list(everyone.values()), generators, prompts=prompts), strict=True))
    found = []
    for judge in judges:
        mine = numbers[judge.key]
        beside = _against(store, mine, numbers[gold.key]) if gold and judge.key != gold.key else []
        found.append(Findings(judge.name, [*beside, *_alone(store, mine[None]), *_attacks(store, judge, mine[None])]))
    return Audit(gold.name if gold else None, found)


def order_pairs(
    store: Store, judges: Sequence[Audited], generators: Sequence[str], *, prompts: int = PROMPTS
) -> list[dict[str | None, int]]:
    """Prepare the tables that measures are computed from (`views.sql`): how each voice orders the pairs of responses.

    Returns the numbers of each judge's voices by criterion; None is the judge as a whole. Judges may share a key.
    """
    numbers: list[dict[str | None, int]] = []
    voices, comparing, number = list[Row](), list[Row](), 0
    for each in judges:
        mine: dict[str | None, int] = {}
        for criterion, parts in each.voices:
            mine[criterion] = number
            voices += [{"voice": number, "judge": each.key, "criterion": key, "weight": weight} for key, weight in parts]
            number += 1
        if not each.criteria:
            comparing.append({"voice": mine[None], "judge": each.key})
        numbers.append(mine)
    store.execute(
        "evaluation/audit/sql/views",
        voices=voices,
        comparing=comparing,
        generators=list(generators),
        blocks=BLOCKS,
        prompts=prompts,
    )
    return numbers


def _against(store: Store, voices: Mapping[str | None, int], gold: Mapping[str | None, int]) -> list[Finding]:
    """Compare the judge with the gold judge, and each criterion with the gold's criterion of that name or its total."""
    found = _findings(store.query("evaluation/audit/sql/against_gold", voice=voices[None], gold=gold[None]), AGAINST)
    accuracy = {"accuracy": AGAINST["accuracy"]}
    for criterion, voice in voices.items():
        if criterion is not None:
            found += _findings(
                store.query("evaluation/audit/sql/against_gold", voice=voice, gold=gold.get(criterion, gold[None])),
                accuracy,
                criterion,
            )
    bins = store.query("evaluation/audit/sql/calibration", voice=voices[None], gold=gold[None])
    for _, group in groupby(bins, key=lambda row: row["bin"]):
        rows = list(group)
        low, high = (f"{float(rows[0][end]):.3g}" for end in ("low", "high"))
        found += _findings(_counts(rows), CALIBRATION, low if low == high else f"{low} to {high}")
    return found


def _alone(store: Store, voice: int) -> list[Finding]:
    preferences = store.query("evaluation/audit/sql/without_gold", voice=voice)
    found = _findings(preferences, ALONE)
    found += _findings(store.query("evaluation/audit/sql/repeats", voice=voice), REPEATS)
    for repeat, group in groupby(store.query("evaluation/audit/sql/tops", voice=voice), key=lambda row: row["repeat"]):
        found += _findings(_counts(group), TOP_TIE, f"repeat {repeat}" if repeat else "mean of all")
    found += _findings(store.query("evaluation/audit/sql/swaps", voice=voice), SWAPS)
    found += _failures(store.query("evaluation/audit/sql/failures", voice=voice))
    return found + _findings(preferences, PREFERENCES)


def _failures(rows: Sequence[Row]) -> list[Finding]:
    """Return the share of failures in total, by kind and, if any, by the size of the judge's input."""
    kinds = sorted(Counter(kind for row in rows for kind in row["kinds"] or {}))
    counts = [
        {"scores": row["scores"], "failed": row["failed"]} | {kind: (row["kinds"] or {}).get(kind, 0) for kind in kinds}
        for row in rows
    ]
    found = _findings(counts, {"failures": share(total("failed"), total("scores"))})
    for kind in kinds:
        found += _findings(counts, {"failures": share(total(kind), total("scores"))}, kind.replace("_", " "))
    if kinds:
        for size, name in enumerate(SIZES):
            some = [count for count, row in zip(counts, rows, strict=True) if row["size"] == size]
            found += _findings(some, {"failures": share(total("failed"), total("scores"))}, name)
    return found


def _attacks(store: Store, judge: Audited, voice: int) -> list[Finding]:
    found, every = [], []
    for attack, group in groupby(
        store.query("evaluation/audit/sql/attacks", voice=voice, judge=judge.key), key=lambda row: row["attack"]
    ):
        rows = [
            {"all": 1, "broken": change is None, "n": change is not None, "raised": (change or 0) > 0, "change": change or 0}
            for change in (row["change"] for row in group)
        ]
        every += rows
        found += _findings(rows, ATTACKED, str(attack))
        if any(row["broken"] for row in rows):
            found += _findings(rows, BROKEN, str(attack))
    return found + _findings(every, BROKEN)


def _counts(rows: Iterable[Row]) -> list[Row]:
    """Return the rows without the columns that they were grouped by."""
    return [{name: value for name, value in row.items() if name not in ("bin", "low", "high", "repeat")} for row in rows]


def _findings(rows: Sequence[Row], measures: Mapping[str, Measure], of: str | None = None) -> list[Finding]:
    """Return the measures that are defined on these rows."""
    found: dict[str, Estimate] = estimates(rows, measures)
    return [Finding(name, estimate, of) for name, estimate in found.items() if estimate.value is not None]
