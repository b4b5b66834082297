"""Pair: turns stored scores into pairs. A strategy is a `.sql` file over the table `candidates`; no model is called.

Points are exact integers and decimals, ties never make a pair, and every prompt and response gets one outcome. So the same
stored scores give byte-identical pairs, and nothing is dropped without a counted reason.
"""

import json
from collections.abc import Callable, Mapping, Sequence

from rlaif import __version__
from rlaif.config import Mix, Pair
from rlaif.context.run import Context, now
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.pairs import candidates, filters
from rlaif.pairs.pairing import Pairing
from rlaif.pairs.rule import PairRule
from rlaif.pairs.validation import check_checks, check_generator
from rlaif.pairs.weights import PairJudge, check_criterion, panel, threshold, weigh
from rlaif.store.store import Row, Store

# Coins (seeded random numbers) are products modulo this prime, 2^31 - 1, which keep different halves of a key different.
_PRIME = 2147483647
# Settings that are in a pairing's specification under other names, or that do not affect it.
_ELSEWHERE = {"judge", "mix", "agree", "weights", "options", "max_samples"}
# The prompts whose pairs are sorted and stored at once.
_PROMPTS_AT_ONCE = 1_000_000
# Below it, a label is more likely wrong than right.
_HALF = 0.5
# The least confidence above one half: more votes for the label than against it.
_MORE_THAN_HALF = 0.500001


def check_names(rule: PairRule, store: Store, members: Sequence[PairJudge], generators: Sequence[str]) -> None:
    """Check that these judges and generators (names) have what `pair` names. Raises InputError otherwise."""
    check_generator(rule, generators)
    check_checks(rule, members)
    if not _compared(rule, store, members):
        check_criterion(rule, weigh(rule, members))


def run(
    rule: PairRule,
    context: Context,
    judge: str | Sequence[PairJudge],
    generators: Sequence[str],
    criteria: Sequence[Row] | None = None,
    agree: Sequence[str] = (),
    mix: Mix = "mean",
    names: Mapping[str, str] | None = None,
    on_unscored: Callable[[], None] | None = None,
) -> Pairing:
    """Pair the responses of these generators by a judge's scores; store pairs and outcomes. Judges and generators are keys.

    `names` are the generators' names, as in the store by default. No judges are given for a strategy that needs none.
    `criteria` are rows of key, name, weight, low, high and floor; by default the judge's own, equally weighted. Several
    judges are given as members, and `mix` is how they are combined. `agree` are other judges, whose scores affect only the
    confidence. If a response lacks scores, `on_unscored` is called; if it raises an exception, no pairs are stored.
    Raises InputError if the settings do not fit these judges.
    """
    settings, store = rule.settings, context.store
    if isinstance(judge, str):
        judge = [PairJudge(judge, criteria or store.query("pairs/sql/criteria", judge=judge))]
    names = {key: name for key, name in (names or generator_names(store)).items() if key in generators}
    spec = specify(rule, store, judge, generators, agree, mix, names)
    values = _values(rule, spec, judge, mix, compared=_compared(rule, store, judge))
    # In the order given; the specification sorts them.
    values |= {"generators": list(generators), "agree": [other for other in agree if other in spec["agree"]]}
    with store.transaction():
        _record(context, spec, values)
        candidates.gather(store, values)
        if on_unscored and store.query("SELECT 1 AS unscored FROM answers WHERE NOT complete LIMIT 1"):
            on_unscored()
        if rule.strategy.reads_generators:
            _name_generators(store, names)
        filters.apply(store, settings.filters, rule.benchmarks, rule.file)
        rule.strategy.make(store, values)
        candidates.add_confidence(store, values)
        _limit(store, settings)
        _insert_pairs(store, values)
        store.execute("pairs/sql/insert_outcomes", **values)
    by = ", ".join(member.name or member.key for member in judge) + (f" ({mix})" if len(judge) > 1 else "")
    return _stored(store, values, by)


def _stored(store: Store, values: Row, by: str) -> Pairing:
    """Return the pairing as it was stored: the number of its pairs, and of its prompts by outcome."""
    pairing = values["pairing"]
    outcomes = {
        row["outcome"]: row["prompts"]
        for row in store.query(
            "SELECT reason AS outcome, count(*) AS prompts FROM reasons WHERE pairing = $pairing "
            "AND response IS NULL GROUP BY reason ORDER BY prompts DESC, reason",
            pairing=pairing,
        )
    }
    (count,) = store.query("SELECT count(*) AS pairs FROM pairs WHERE pairing = $pairing", pairing=pairing)
    return Pairing(pairing, values["judge"] or "", count["pairs"], outcomes, by, values["strategy"])


def _insert_pairs(store: Store, values: Row) -> None:
    """Store the judged pairs that are kept, for a part of the prompts at a time to bound memory."""
    (arrived,) = store.rows("SELECT coalesce(max(position) + 1, 0) AS prompts FROM prompts")
    for first in range(0, arrived["prompts"], _PROMPTS_AT_ONCE):
        store.execute("pairs/sql/insert_pairs", first=first, last=first + _PROMPTS_AT_ONCE, **values)


def generator_names(store: Store) -> dict[str, str]:
    """Return the names of all generators in the store by key."""
    return {row["key"]: row["name"] for row in store.query("SELECT key, name FROM generator_names")}


def _name_generators(store: Store, names: Mapping[str, str]) -> None:
    """Give candidates the names of their generators."""
    store.run(
        "CREATE OR REPLACE TEMP TABLE pairing_generators AS SELECT unnest($keys::VARCHAR[]) AS generator, "
        "unnest($names::VARCHAR[]) AS name",
        keys=list(names),
        # The generator of each round has a separate name.
        names=[name.partition(", round ")[0] for name in names.values()],
    )
    store.execute("pairs/sql/views_with_generators")


def _limit(store: Store, settings: Pair) -> None:
    """Drop the pairs beyond the quotas, and then those beyond the target, into the temporary table `surplus`."""
    quotas = settings.quotas
    if quotas:
        listed = [{"part": part, "pairs": pairs} for part, pairs in quotas.pairs.items()]
        store.execute("pairs/sql/over_quota", by=quotas.by, quotas=listed)
    store.execute("pairs/sql/over_target", target=settings.target)
    if quotas:
        store.run("INSERT INTO surplus BY NAME FROM over_quota")


def _values(rule: PairRule, spec: Row, members: Sequence[PairJudge], mix: Mix, *, compared: bool) -> Row:
    """Return the parameters of the queries that make the pairs."""
    settings, keys, weighed = rule.settings, [member.key for member in members], spec["criteria"]
    denominator = weighed[0]["denominator"] if weighed else 0
    rows, mixed = panel(members, weighed), mix if len(keys) > 1 else None
    # A mean or median of scores may side with a minority of the judges, as the user chose.
    by_scores = mixed in ("mean", "median") and not compared
    least = settings.min_confidence
    return {
        "pairing": key_of(spec),
        "judge": keys[0] if keys else None,
        "unjudged": not rule.strategy.needs_judge,
        "judges": keys,
        "mix": mixed,
        "agree": spec["agree"],
        "panel": rows,
        "criteria": [row["criterion"] for row in rows],
        "seed": settings.seed,
        "stir": int(key("coin", settings.seed)[:8], 16) % (_PRIME - 1) + 1,
        "threshold": threshold(settings.min_margin, denominator),
        "per_prompt": settings.per_prompt,
        "denominator": denominator,
        "least": max(least, _MORE_THAN_HALF) if mixed == "majority" else least,
        "even": 0.0 if by_scores and not spec["agree"] else _HALF,
        "compared": compared,
        "strategy": settings.strategy,
        "min_margin": settings.min_margin,
        "points": "pairs/sql/points_and_scores" if rule.strategy.asks_scores else "pairs/sql/points_of_scores",
    }


def _record(context: Context, spec: Row, values: Row) -> None:
    """Store the pairing and its criteria in place of an earlier one with the same key."""
    store, pairing = context.store, values["pairing"]
    number = store.query("SELECT coalesce(max(number), 0) + 1 AS number FROM pairings")[0]["number"]
    store.execute("pairs/sql/delete_pairing", **values)
    facts = _facts(store, [*values["judges"], *values["agree"]], values["generators"], spec["settings"])
    row = {"key": pairing, "spec": json.dumps(spec), "created": now(), "run": context.run, "number": number, "facts": facts}
    store.append("pairings", [row])
    names = ("criterion", "name", "weight", "factor", "low", "floor")
    store.append(
        "pairing_criteria", [{"pairing": pairing} | {name: row[name] for name in names} for row in spec["criteria"]]
    )


def specify(
    rule: PairRule,
    store: Store,
    members: Sequence[PairJudge],
    generators: Sequence[str],
    agree: Sequence[str],
    mix: Mix,
    names: Mapping[str, str],
) -> Row:
    """Return everything besides the scores that affects the pairs; its digest is the pairing's key.

    The arguments are those of `run`.
    """
    settings, keys = rule.settings, [member.key for member in members]
    weighed = [] if _compared(rule, store, members) else weigh(rule, members)
    check_criterion(rule, weighed)
    spec = {
        "judge": keys[0] if keys else None,
        "agree": sorted(other for other in agree if other not in keys),
        "generators": sorted(generators),
        "strategy": settings.strategy,
        "sql": rule.strategy.text,
        "options": dict(rule.strategy.options),
        "criteria": weighed,
        "files": rule.digests,
        "settings": _specified(settings),
    }
    if rule.strategy.reads_generators:
        spec["names"] = dict(names)
    return spec | ({"judges": keys, "mix": mix} if len(keys) > 1 else {})


def _specified(settings: Pair) -> Row:
    """Return the settings that affect the pairs. Those that older versions lacked are left out unless they are used."""
    found = settings.model_dump(exclude=_ELSEWHERE)
    if settings.filters.where is None:
        del found["filters"]["where"]
    if settings.quotas is None:
        del found["quotas"]
    return found


def key_of(spec: Row) -> str:
    """Return the key of the pairing with this specification."""
    return key("pairing", spec)


def _compared(rule: PairRule, store: Store, members: Sequence[PairJudge]) -> bool:
    """Return whether the judges have votes, which have no criterion. Raises InputError if `pair` cannot use them."""
    settings = rule.settings
    voting = [
        each
        for each in members
        if store.query(
            "SELECT 1 AS compared FROM comparisons WHERE judge = $judge AND verdict IS NULL LIMIT 1", judge=each.key
        )
    ]
    if voting and len(voting) < len(members):
        other = next(each for each in members if each not in voting)
        where = rule.where("judge")
        if not other.criteria:
            raise InputError(f"judge {other.name!r} has neither votes nor scores", where=where, fix="Leave it out.")
        raise InputError(
            f"judge {voting[0].name!r} has votes and judge {other.name!r} has scores, so they cannot be mixed",
            where=where,
            fix="Name one of them under `pair.agree`.",
        )
    if len(voting) > 1 and settings.mix == "median":
        raise InputError(
            "votes have no median",
            where=rule.where("mix"),
            fix="Use `majority` (one vote per judge on every two responses) or `mean` (the mean of their votes).",
        )
    graded = (
        voting
        and settings.strategy == "votes"
        and store.query(
            "SELECT 1 AS graded FROM comparisons WHERE judge IN (SELECT unnest($judges::VARCHAR[])) "
            "AND verdict IS NULL AND probability IS NOT NULL LIMIT 1",
            judges=[each.key for each in voting],
        )
    )
    if voting and settings.min_margin and not graded:
        raise InputError(
            "votes have no margin",
            where=rule.where("min_margin"),
            fix="Use `min_confidence`: the probability, by the votes, that a label is right. Preferences that "
            "came with a `scale` have a margin in the strategy `votes`.",
        )
    return bool(voting)


def is_up_to_date(store: Store, spec: Row) -> bool:
    """Return whether the pairing with this specification is stored, and its inputs have not changed since."""
    made = store.query("SELECT facts FROM pairings WHERE key = $pairing", pairing=key_of(spec))
    judges = [*(spec.get("judges") or filter(None, [spec["judge"]])), *spec["agree"]]
    return bool(made) and made[0]["facts"] == _facts(store, judges, spec["generators"], spec["settings"])


def _facts(store: Store, judges: Sequence[str], generators: Sequence[str], settings: Row) -> str:
    """Return a digest of everything stored that these pairs are made from; of metadata only if the settings use it."""
    metadata = "quotas" in settings or "where" in settings["filters"]
    given = {"judges": sorted(judges), "generators": list(generators), "version": __version__, "metadata": metadata}
    (row,) = store.query("pairs/sql/facts", **given)
    return str(row["facts"])


def latest(store: Store) -> str:
    """Return the key of the pairing that was made last, by its number. Raises InputError if there are no pairings."""
    rows = store.query("SELECT key FROM newest_pairing")
    if not rows:
        raise InputError("no pairs have been made yet", fix="Run `rlaif pair FILE` first.")
    return str(rows[0]["key"])
