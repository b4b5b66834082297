"""The judges of an audit and of the gate: their criteria as weighted for pairs, and the gold standard."""

from collections.abc import Sequence

from rlaif.evaluation.audit import Audited
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
