"""The judges of an audit and of the gate: their criteria as weighted for pairs, and the gold standard."""

from collections.abc import Sequence

from rlaif.evaluation.audit import MEASURES, Audited, measure
from rlaif.evaluation.audit.figures import write
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Store


def audited(plan: Plan, store: Store, name: str) -> Audited:
    """Return a judge for an audit, with its criteria weighted as for pairs."""
    judge = plan.pair_judge(store, name)
    scored = {row["key"] for row in store.query("pairs/sql/criteria", judge=judge.key)}
    section = plan.config.pipeline.pair
    weights = {row["name"]: row["weight"] for row in judge.criteria} | (section.weights if section else {})
    # A criterion of kind `compare` has no scores.
    compares = bool(
        store.query(
            "SELECT 1 AS compared FROM comparisons WHERE judge = $judge AND verdict IS NULL LIMIT 1", judge=judge.key
        )
    )
    kept = [row for row in judge.criteria if not compares or row["key"] in scored]
    return Audited(name, judge.key, {row["name"]: (row["key"], weights[row["name"]]) for row in kept})


def gold(plan: Plan, store: Store, name: str | None = None, audited: Sequence[str] = ()) -> str | None:
    """Return the name of the gold standard, or None.

    It is the judge `name`, otherwise the one that `gate` names, otherwise the first person or imported judge that is not
    `audited` itself, otherwise the evaluation's first judge without a model.
    """
    pipeline = plan.config.pipeline
    named = name or (pipeline.gate.gold if pipeline.gate else None)
    if named is not None:
        return named
    people = [row["name"] for row in store.query("evaluation/audit/sql/people") if row["name"] not in audited]
    if people and (pipeline.judges or audited or len(people) > 1):
        return str(people[0])
    programs = [each for each in plan.evaluators if pipeline.judges[each].model is None and each not in audited]
    return programs[0] if programs and len(plan.all_judges) > 1 else None


# The measures of a judge that the card of a data set shows.
ON_CARDS = (
    *("accuracy", "longest", "kappa", "ties", "exact_repeat", "swap_consistency", "first_shown"),
    *("longer", "own_family", "raised"),
)


def judge_figures(plan: Plan, store: Store) -> list[dict[str, str]]:
    """Return the main measures of the judges of the pairs by stored scores, as rows of `judge`, `measure` and `value`."""
    names = plan.pair_judges[0]
    right = gold(plan, store, audited=names)
    standard = audited(plan, store, right) if right else None
    found = measure(store, [audited(plan, store, name) for name in names], standard, plan.generator_keys(store))
    return [
        {"judge": judge.judge, "measure": each.label, "value": write(each.estimate, MEASURES[each.measure].unit)}
        for judge in found.judges
        for each in judge.found
        if each.measure in ON_CARDS and each.estimate.value is not None
    ]
