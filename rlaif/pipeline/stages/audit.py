"""Audit judges: make the missing responses and scores, then measure the judges."""

from collections.abc import Sequence
from functools import partial

from rlaif import pipeline
from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.core.errors import InputError
from rlaif.evaluation.audit.metrics import measure
from rlaif.evaluation.audit.types import MEASURES, Audit
from rlaif.pipeline import gold as standards
from rlaif.pipeline.audit_attacks import attack
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.scheduler import run_stage


def audit(
    plan: Plan,
    context: Context,
    names: Sequence[str] = (),
    gold: str | None = None,
    *,
    limit: int | None = None,
    attacks: int = 0,
    stored: bool = False,
    allow_code: bool = False,
) -> Audit:
    """Audit the judges of these names, or all of the pipeline's, against `gold` or the judge that `gold.gold` finds.

    Args:
        names: judges of the pipeline, imported judges, or people.
        gold: the judge whose preferences count as right.
        limit: use the first `limit` prompts only.
        attacks: how many responses are altered by each attack.
        stored: measure the stored scores and make no requests.
        allow_code: whether the pipeline's own Python checks may run.

    Raises InputError if there is nothing to measure.
    """
    store = context.store
    pipeline.check(plan)
    pipeline.collect(context)
    right = standards.gold(plan, store, gold, names)
    for name in names:
        # Raises InputError for an unknown judge before any request is made.
        plan.judge_key(store, name)
    own = [name for name in names or plan.all_judges if name != right]
    if not stored:
        _judge(plan, context, own, right, limit, attacks, allow_code)
    pipeline.need_responses(plan, context)
    audited = list(names or [*own, *_imported(context, right)])
    right = _usable_gold(plan, context, right, named=bool(gold))
    if audited and not any(pipeline.count_usable(plan, context, name)["usable"] for name in audited):
        state = ", and ".join(pipeline.describe_judged(plan, context, name) for name in audited)
        raise InputError(f"there is nothing to audit: {state}", where="audit", fix=pipeline.advise(plan, context, *audited))
    found = measure(
        store,
        [standards.audited(plan, store, name) for name in audited],
        standards.audited(plan, store, right) if right else None,
        plan.generator_keys(context.store),
    )
    if gold:
        _check_compared(plan, context, gold, [name for name in audited if name != gold], found)
    return found


def _usable_gold(plan: Plan, context: Context, name: str | None, *, named: bool) -> str | None:
    """The gold judge, if it has a usable verdict. Raises InputError if it has none and was `named` by the user."""
    if name is None or pipeline.count_usable(plan, context, name)["usable"]:
        return name
    state = pipeline.describe_judged(plan, context, name)
    if named:
        raise InputError(
            f"no gold to compare with: {state}", where=f"audit --gold {name}", fix=pipeline.advise(plan, context, name)
        )
    context.progress.note(f"Audit without gold: {state}.")
    return None


def _check_compared(plan: Plan, context: Context, gold: str, audited: Sequence[str], found: Audit) -> None:
    """Check that some judge has verdicts in common with the gold standard. Raises InputError otherwise."""
    if not audited or any(MEASURES[each.measure].section == "gold" for judge in found.judges for each in judge.found):
        return
    states = ", ".join(pipeline.describe_judged(plan, context, name) for name in audited)
    raise InputError(
        f"nothing to compare with {gold}: {pipeline.describe_judged(plan, context, gold)}, {states}, but no prompt has two "
        "responses that both have judged",
        where=f"audit --gold {gold}",
        fix="Label or judge the same responses by both.",
    )


def _judge(
    plan: Plan,
    context: Context,
    names: Sequence[str],
    gold: str | None,
    limit: int | None,
    attacks: int,
    allow_code: bool,
) -> None:
    config = context.config
    only = EVERYTHING if limit is None else HeldOut(1.0, limit)
    pipeline.generate(plan, context, only=only)
    mine = [name for name in names if name in config.pipeline.judges]
    wanted = [*mine, *([gold] if gold in config.pipeline.judges else [])]
    if wanted:
        pipeline.judge(plan, context, wanted, only=only, allow_code=allow_code)
    for name in mine if attacks else ():
        judge, generators = plan.judge(name), plan.generator_keys(context.store)
        run_stage(
            context, partial(attack, context, judge=judge, generators=generators, answers=attacks, allow_code=allow_code)
        )


def _imported(context: Context, gold: str | None) -> list[str]:
    return [row["name"] for row in context.store.query("evaluation/audit/sql/people") if row["name"] != gold]
