"""A whole audit: generates and judges what it still needs, then measures everything."""

from collections.abc import Sequence
from functools import partial

from rlaif import roles, run
from rlaif.audit.attack import attack
from rlaif.audit.findings import MEASURES, Audit
from rlaif.audit.measure import measure
from rlaif.context import EVERYTHING, Context, HeldOut
from rlaif.errors import InputError
from rlaif.overlap import alone


def audit(
    context: Context, names: Sequence[str] = (), gold: str | None = None, *,
    limit: int | None = None, attacks: int = 0, stored: bool = False, allow_code: bool = False,
) -> Audit:  # fmt: skip
    """Audit the judges of these names, or all that the pipeline has, against `gold` or the one that `roles.gold` finds.

    Missing responses and scores are made first, for the first `limit` prompts or all, and so are those of `attacks` altered
    responses for each attack; with `stored`, no model is called. Raises InputError where there is nothing to measure.
    """
    config = context.config
    run.check(config)
    run.collect(context)
    right = roles.gold(context, gold, names)
    own = [name for name in names or roles.all_judges(config) if name != right]
    if not stored:
        _ask(context, own, right, limit, attacks, allow_code)
    run.need_responses(context)
    audited = list(names or [*own, *_imported(context, right)])
    right = _usable_gold(context, right, named=bool(gold))
    if audited and not any(run.usable(context, name)["usable"] for name in audited):
        said = ", and ".join(run.in_words(context, name) for name in audited)
        raise InputError(f"there is nothing to audit: {said}", where="audit", fix=run.advice(context, *audited))
    found = measure(
        context.store, [roles.audited(context, name) for name in audited], roles.audited(context, right) if right else None,
        roles.generators(config),
    )  # fmt: skip
    if gold:
        _check_compared(context, gold, [name for name in audited if name != gold], found)
    return found


def _usable_gold(context: Context, name: str | None, *, named: bool) -> str | None:
    """The gold judge, if it has a usable verdict. Raises InputError if it has none and was `named` by the user."""
    if name is None or run.usable(context, name)["usable"]:
        return name
    said = run.in_words(context, name)
    if named:
        raise InputError(f"no gold to compare with: {said}", where=f"audit --gold {name}", fix=run.advice(context, name))
    context.progress.note(f"Audit without gold: {said}.")
    return None


def _check_compared(context: Context, gold: str, audited: Sequence[str], found: Audit) -> None:
    """Raises InputError where no judge has anything in common with the gold."""
    if not audited or any(MEASURES[each.measure].section == "gold" for judge in found.judges for each in judge.found):
        return
    said = ", ".join(run.in_words(context, name) for name in audited)
    raise InputError(
        f"nothing to compare with {gold}: {run.in_words(context, gold)}, {said}, but no prompt has two responses that both "
        "have judged", where=f"audit --gold {gold}", fix="Label or judge the same responses by both.",
    )  # fmt: skip


def _ask(
    context: Context, names: Sequence[str], gold: str | None, limit: int | None, attacks: int, allow_code: bool
) -> None:  # fmt: skip
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
