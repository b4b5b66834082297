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
from rlaif.records import key
from rlaif.rubric import factors
from rlaif.store import SQL, Row, Store, sql
from rlaif.yaml_file import did_you_mean

STRATEGIES = tuple(sorted(path.stem for path in (SQL / "pair" / "strategies").glob("*.sql")))
# Leads have six decimals in the store; a threshold between two of them means the upper one.
_SIXTH = Decimal("0.000001")


@dataclass(frozen=True)
class Pairing:
    """One way to turn scores into pairs; its key is a digest of all that decides the result but the scores."""

    key: str
    judge: str
    pairs: int
    outcomes: Mapping[str, int]


def check(config: Config) -> Pair:
    """The `pair` section, its strategy known. Raises InputError otherwise."""
    settings = config.pipeline.pair or Pair()
    if settings.strategy not in STRATEGIES:
        raise InputError(
            f"no strategy is called {settings.strategy!r}",
            where=config.file.where(("pair", "strategy")), fix=did_you_mean(settings.strategy, STRATEGIES),
        )  # fmt: skip
    return settings


def run(context: Context, judge: str, generators: Sequence[str], criteria: Sequence[Row] | None = None) -> Pairing:
    """Pairs the responses of these generators by the scores of one judge (keys), and writes pairs and outcomes.

    `criteria` are rows of key, name, weight, low, high and floor; the judge's own, equally weighted, where omitted.
    """
    settings = check(context.config)
    store = context.store
    compared = bool(store.query("pair/compared", judge=judge))
    weighed = [] if compared else _weigh(context.config, settings, criteria or store.query("pair/criteria", judge=judge))
    denominator = weighed[0]["denominator"] if weighed else 0
    threshold = _threshold(settings.min_margin, denominator)
    strategy = sql(f"pair/strategies/{settings.strategy}")
    spec = {"judge": judge, "generators": sorted(generators), "strategy": settings.strategy, "sql": strategy,
            "criteria": weighed, "settings": settings.model_dump(exclude={"judge", "weights", "max_samples"})}  # fmt: skip
    pairing = key("pairing", spec)
    values = {
        "pairing": pairing, "judge": judge, "generators": list(generators), "seed": settings.seed,
        "threshold": threshold, "per_prompt": settings.per_prompt, "denominator": denominator,
    }  # fmt: skip
    with store.transaction():
        store.execute("pair/forget", **values)
        store.append("pairings", [{"key": pairing, "spec": json.dumps(spec), "created": now()}])
        store.append("pairing_criteria", [
            {"pairing": pairing} | {name: row[name] for name in ("criterion", "name", "weight", "factor", "low", "floor")}
            for row in weighed
        ])  # fmt: skip
        store.execute("pair/candidates_from_comparisons" if compared else "pair/candidates_from_scores", **values)
        store.run(f"CREATE OR REPLACE TEMP TABLE made AS {strategy}", **values)
        if settings.target is None:
            store.run("CREATE OR REPLACE TEMP TABLE surplus AS FROM made LIMIT 0")
        else:
            store.execute("pair/within_target", target=settings.target, **values)
        store.execute("pair/insert_pairs", **values)
        store.execute("pair/insert_outcomes", **values)
    outcomes = {row["outcome"]: row["prompts"] for row in store.query("pair/outcomes", pairing=pairing)}
    count = store.query("pair/count", pairing=pairing)[0]["pairs"]
    return Pairing(pairing, judge, count, outcomes)


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
