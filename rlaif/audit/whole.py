"""A whole audit: makes the missing responses and scores, then measures the judges."""

from collections.abc import Sequence
from functools import partial

from rlaif import roles, run
from rlaif.audit.attack import attack
from rlaif.audit.findings import Audit
from rlaif.audit.measure import measure
from rlaif.context import EVERYTHING, Context, HeldOut
from rlaif.overlap import alone


def audit(
    context: Context,
    names: Sequence[str] = (),
    gold: str | None = None,
    *,
    limit: int | None = None,
    attacks: int = 0,
    stored: bool = False,
    allow_code: bool = False,
) -> Audit:
    """Audit the judges of these names, or all of the pipeline's, against `gold` or the judge that `roles.gold` finds.

    Args:
        names: judges of the pipeline, imported judges, or people.
        gold: the judge whose preferences count as right.
        limit: use the first `limit` prompts only.
        attacks: how many responses are altered by each attack.
        stored: measure the stored scores and make no requests.
        allow_code: whether the pipeline's own Python checks may run.
    """
    config = context.config
    run.check(config)
    run.collect(context)
    right = roles.gold(context, gold, names)
    own = [name for name in names or roles.all_judges(config) if name != right]
    if not stored:
        _ask(context, own, right, limit, attacks, allow_code)
    found = [roles.audited(context, name) for name in names or [*own, *_imported(context, right)]]
    return measure(context.store, found, roles.audited(context, right) if right else None, roles.generators(config))


def _ask(
    context: Context, names: Sequence[str], gold: str | None, limit: int | None, attacks: int, allow_code: bool
) -> None:
    config = context.config
    only = EVERYTHING if limit is None else HeldOut(1.0, limit)
    run.generate(context, only=only)
    mine = [name for name in names if name in config.pipeline.judges]
    wanted = [*mine, *([gold] if gold in config.pipeline.judges else [])]
    if wanted:
        run.judge(context, wanted, only=only, allow_code=allow_code)
    for name in mine if attacks else ():
        judge, writers = roles.named_judge(config, name), roles.generators(config)
        alone(context, partial(attack, context, judge=judge, generators=writers, answers=attacks, allow_code=allow_code))


def _imported(context: Context, gold: str | None) -> list[str]:
    return [row["name"] for row in context.store.query("audit/people") if row["name"] != gold]
