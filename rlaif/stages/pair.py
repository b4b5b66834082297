"""Pair: turns stored scores into pairs. A strategy is a `.sql` file over the table `candidates`; no model is asked.

Points are exact integers and decimals, ties never make a pair, and every prompt and response ends with one outcome, so
that the same stored scores give the same pairs to the byte and nothing is left out uncounted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from rlaif.config import Config, Pair
from rlaif.context import Context, now
from rlaif.errors import InputError
from rlaif.pairing import filters, strategy
from rlaif.pairing.strengths import strengths
from rlaif.records import key
from rlaif.rubric import factors
from rlaif.store import Row, Store
from rlaif.yaml_file import did_you_mean

# Leads have six decimals in the store; a threshold between two of them means the upper one.
_SIXTH = Decimal("0.000001")
# Prompts whose comparisons are in memory at once: with eight answers each, some hundred megabytes.
_CONTESTS = 16_384
# Coins are products modulo this prime, 2^31 - 1, which no two halves of a key share.
_PRIME = 2147483647


@dataclass(frozen=True)
class Pairing:
    """One way to turn scores into pairs; its key is a digest of all that decides the result but the scores."""

    key: str
    judge: str
    pairs: int
    outcomes: Mapping[str, int]


def check(config: Config) -> Pair:
    """The `pair` section, its strategy and the files that it names known. Raises InputError otherwise."""
    settings = config.pipeline.pair or Pair()
    strategy.load(config, settings)
    filters.check(config, settings.filters)
    return settings


def run(
    context: Context, judge: str, generators: Sequence[str], criteria: Sequence[Row] | None = None,
    agree: Sequence[str] = (),
) -> Pairing:  # fmt: skip
    """Pairs the responses of these generators by the scores of one judge (keys), and writes pairs and outcomes.

    `criteria` are rows of key, name, weight, low, high and floor; the judge's own, equally weighted, where omitted.
    `agree` are other judges (keys) whose word counts for the confidence alone.
    """
    settings, store = check(context.config), context.store
    chosen = strategy.load(context.config, settings)
    compared = bool(store.query("pair/compared", judge=judge))
    if compared and settings.min_margin:
        raise InputError(
            "comparisons have no margin", where=context.config.file.where(("pair", "min_margin")),
            fix="Ask for `min_confidence`: it tells how sure the comparisons make of each pair.",
        )  # fmt: skip
    weighed = [] if compared else _weigh(context.config, settings, criteria or store.query("pair/criteria", judge=judge))
    _check_criterion(context.config, settings, weighed)
    denominator = weighed[0]["denominator"] if weighed else 0
    spec = {"judge": judge, "agree": sorted(agree), "generators": sorted(generators), "strategy": settings.strategy,
            "sql": chosen.text, "options": dict(chosen.options), "criteria": weighed,
            "files": filters.digests(context.config, settings.filters),
            "settings": settings.model_dump(exclude={"judge", "agree", "weights", "options", "max_samples"})}  # fmt: skip
    pairing = key("pairing", spec)
    values = {
        "pairing": pairing, "judge": judge, "judges": [judge], "agree": list(agree), "generators": list(generators),
        "criteria": [row["criterion"] for row in weighed], "seed": settings.seed,
        "stir": int(key("coin", settings.seed)[:8], 16) % (_PRIME - 1) + 1,
        "threshold": _threshold(settings.min_margin, denominator), "per_prompt": settings.per_prompt,
        "denominator": denominator, "least": settings.min_confidence, "compared": compared,
    }  # fmt: skip
    with store.transaction():
        store.execute("pair/forget", **values)
        store.append("pairings", [{"key": pairing, "spec": json.dumps(spec), "created": now()}])
        store.append("pairing_criteria", [
            {"pairing": pairing} | {name: row[name] for name in ("criterion", "name", "weight", "factor", "low", "floor")}
            for row in weighed
        ])  # fmt: skip
        _gather(store, values)
        filters.apply(store, context.config, settings.filters)
        chosen.make(store, values)
        _judge(store, values)
        store.execute("pair/surplus", target=settings.target, **values)
        store.execute("pair/insert_pairs", **values)
        store.execute("pair/insert_outcomes", **values)
    outcomes = {row["outcome"]: row["prompts"] for row in store.query("pair/outcomes", pairing=pairing)}
    count = store.query("pair/count", pairing=pairing)[0]["pairs"]
    return Pairing(pairing, judge, count, outcomes)


def _gather(store: Store, values: Row) -> None:
    """The responses that may enter pairs, with their points, and what a strategy may ask about them."""
    store.execute("pair/weighed", **values)
    _fit(store, values)
    store.execute("pair/scored_once")
    store.execute("pair/points_of_comparisons" if values["compared"] else "pair/points_of_scores")
    store.execute("pair/answers", **values)
    if store.query("pair/repeated"):
        # Rare, and several times the work: means over repeats before the points.
        store.execute("pair/scored_often")
        store.execute("pair/answers", **values)
    store.execute("pair/same_texts")
    store.execute("pair/filtered")
    store.execute("pair/views")


def _fit(store: Store, values: Row) -> None:
    """What was compared, as strengths."""
    store.execute("pair/contests", **values)
    begin, end = 0, _CONTESTS
    while contests := store.query("pair/contests_part", begin=begin, end=end):
        store.append("strengths", [row | {"pairing": values["pairing"]} for row in strengths(contests)])
        begin, end = end, end + _CONTESTS
    store.execute("pair/strengths", **values)


def _judge(store: Store, values: Row) -> None:
    """How sure each pair that was made is."""
    store.execute("pair/opinions")
    if store.query("pair/fought"):
        store.execute("pair/own_opinions", **values)
    if values["agree"]:
        store.execute("pair/other_opinions", **values)
    store.execute("pair/judged", **values)


def _check_criterion(config: Config, settings: Pair, weighed: Sequence[Row]) -> None:
    """An option that names a criterion must name one that there is."""
    named, names = settings.options.get("criterion"), [row["name"] for row in weighed]
    if named is not None and named not in names:
        where = config.file.where(("pair", "options", "criterion"))
        raise InputError(f"no criterion is called {named!r}", where=where, fix=did_you_mean(str(named), names))


def _weigh(config: Config, settings: Pair, criteria: Sequence[Row]) -> list[Row]:
    """The criteria with their exact factors, the file's overrides applied."""
    where = config.file.where(("pair", "weights"))
    names = [row["name"] for row in criteria]
    for name, weight in settings.weights.items():
        if name not in names:
            raise InputError(f"no criterion is called {name!r}", where=where, fix=did_you_mean(name, names))
        if not 0 <= weight < float("inf"):
            raise InputError(f"the weight of {name!r} must be 0 or more", where=where)
    weights: dict[str, float] = {
        row["name"]: settings.weights[row["name"]] if row["name"] in settings.weights else row["weight"] for row in criteria
    }
    if criteria and not any(weights.values()):
        raise InputError("the weights sum to zero", where=where, fix="Give at least one criterion a weight above zero.")
    if not criteria:
        return []
    shares, denominator = factors(weights, {row["name"]: (row["low"], row["high"]) for row in criteria})
    return [
        {"criterion": row["key"], "name": row["name"], "weight": weights[row["name"]], "factor": shares[row["name"]],
         "low": row["low"], "floor": row["floor"], "denominator": denominator}
        for row in criteria
    ]  # fmt: skip


def _threshold(min_margin: float, denominator: int) -> Decimal:
    exact = Fraction(str(min_margin)) * denominator / 100
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(_SIXTH, ROUND_CEILING)


def latest(store: Store) -> str:
    """The key of the pairing that was made last. Raises InputError where there is none."""
    rows = store.query("pair/latest")
    if not rows:
        raise InputError("no pairs yet", fix="Run `rlaif pair` first.")
    return str(rows[0]["key"])
