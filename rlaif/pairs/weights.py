"""The weight of each criterion in a pairing, as exact integers, for one judge or several."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from math import lcm

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.pairs.rule import PairRule
from rlaif.store.store import Row

# Margins have six decimals in the store, so a threshold is rounded up to six decimals.
_SIXTH = Decimal("0.000001")


@dataclass(frozen=True)
class PairJudge:
    """A judge whose scores make pairs: its key, and its criteria as rows of key, name, weight, low, high and floor."""

    key: str
    criteria: Sequence[Row]
    name: str = ""


def weigh(rule: PairRule, members: Sequence[PairJudge]) -> list[Row]:
    """Return the criteria with their exact factors, after applying `pair.weights`.

    Criteria of several judges with the same name count as one, on the scale of the first judge that has it. Raises
    InputError if the judges have different weights or floors for it.
    """
    where, settings = rule.where("weights"), rule.settings
    criteria = _common(rule, members)
    for name, weight in settings.weights.items():
        if name not in criteria:
            raise InputError(f"no criterion is called {name!r}", where=where, fix=did_you_mean(name, criteria))
        if not 0 <= weight < float("inf"):
            raise InputError(f"the weight of {name!r} must be 0 or more", where=where)
    weights: dict[str, float] = {name: row["weight"] for name, row in criteria.items()} | settings.weights
    if not criteria:
        return []
    if not any(weights.values()):
        raise InputError("the weights sum to zero", where=where, fix="Give at least one criterion a weight above zero.")
    shares, denominator = factors(weights, {name: (row["low"], row["high"]) for name, row in criteria.items()})
    return [
        {
            "criterion": row["key"],
            "name": name,
            "weight": weights[name],
            "factor": shares[name],
            "low": row["low"],
            "floor": row["floor"],
            "denominator": denominator,
        }
        for name, row in criteria.items()
    ]


def factors(weights: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]) -> tuple[dict[str, int], int]:
    """Return integers F and D such that a response's score from 0 to 1 is exactly sum(F[c] * (value[c] - low[c])) / D.

    With doubles, equal margins could fall on different sides of a threshold; with integers and decimals they cannot.
    """
    total = sum(Fraction(str(weight)) for weight in weights.values())
    exact = {}
    for name, weight in weights.items():
        low, high = (Fraction(str(end)) for end in ranges[name])
        exact[name] = Fraction(str(weight)) / total / (high - low)
    denominator = lcm(*(share.denominator for share in exact.values()))
    return {name: int(share * denominator) for name, share in exact.items()}, denominator


def _common(rule: PairRule, members: Sequence[PairJudge]) -> dict[str, Row]:
    found: dict[str, tuple[PairJudge, Row]] = {}
    for member in members:
        for row in member.criteria:
            first, mine = found.setdefault(row["name"], (member, row))
            differs = "floor" if _floor(row) != _floor(mine) else ""
            if row["weight"] != mine["weight"] and row["name"] not in rule.settings.weights:
                differs = "weight"
            if differs:
                raise InputError(
                    f"{row['name']!r} has a different {differs} for judge {member.name!r} than for {first.name!r}",
                    where=rule.where("judge"),
                    fix="Set the weight under `pair.weights`." if differs == "weight" else "Use the same in both rubrics.",
                )
    return {name: row for name, (_, row) in found.items()}


def _floor(row: Row) -> Fraction | None:
    """Return the floor as a share of the scale."""
    if row["floor"] is None:
        return None
    low, high, floor = (Fraction(str(row[end])) for end in ("low", "high", "floor"))
    return (floor - low) / (high - low)


def panel(members: Sequence[PairJudge], weighed: Sequence[Row]) -> list[Row]:
    """Return one row per judge and criterion: the pairing's criterion it counts as, both scales, the number of judges."""
    common = {row["name"]: row for row in weighed}
    scales = {row["key"]: (row["low"], row["high"]) for member in reversed(members) for row in member.criteria}
    have = Counter(row["name"] for member in members for row in member.criteria)
    rows = []
    for place, member in enumerate(members):
        for row in member.criteria if weighed else ():
            mixed = common[row["name"]]
            low, high = scales[mixed["criterion"]]
            rows.append(
                {
                    "place": place,
                    "judge": member.key,
                    "criterion": row["key"],
                    "low": row["low"],
                    "high": row["high"],
                    "mixed": mixed["criterion"],
                    "weight": mixed["weight"],
                    "lowest": low,
                    "highest": high,
                    "judges": have[row["name"]],
                }
            )
    return rows


def threshold(min_margin: float, denominator: int) -> Decimal:
    """Convert a margin in hundredths of the scale to a margin in points."""
    exact = Fraction(str(min_margin)) * denominator / 100
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(_SIXTH, ROUND_CEILING)


def check_criterion(rule: PairRule, weighed: Sequence[Row]) -> None:
    """Check that a `criterion` option names an existing criterion. Raises InputError otherwise."""
    named, names = rule.settings.options.get("criterion"), [row["name"] for row in weighed]
    if named is not None and named not in names:
        where = rule.where("options", "criterion")
        raise InputError(f"no criterion is called {named!r}", where=where, fix=did_you_mean(str(named), names))
