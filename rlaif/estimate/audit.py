"""Estimates an audit: missing responses and scores, and scores of responses that attacks alter."""

from collections.abc import Sequence

from rlaif import pipeline
from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.context.spending import spent_in_all
from rlaif.estimate.generation import estimate_stage
from rlaif.estimate.judging import estimate_judging
from rlaif.estimate.means import Unwritten, mean_tokens, sample
from rlaif.estimate.types import Plan, exactly
from rlaif.judging.judge import Judge
from rlaif.pipeline.audit_attacks import templates
from rlaif.pipeline.gold import gold as find_gold
from rlaif.pipeline.plan import Plan as Resolved


def plan_audit(
    resolved: Resolved,
    context: Context,
    names: Sequence[str] = (),
    gold: str | None = None,
    *,
    limit: int | None = None,
    attacks: int = 0,
) -> Plan:
    """Estimate the requests and the cost of an audit of these judges. Collects prompts and calls no model."""
    config, only = resolved.config, EVERYTHING if limit is None else HeldOut(1.0, limit)
    pipeline.check(resolved)
    pipeline.collect(context)
    right = find_gold(resolved, context.store, gold, names)
    own = [name for name in names or resolved.all_judges if name != right and name in config.pipeline.judges]
    lines, unwritten = estimate_stage(resolved, context, only=only)
    keys = resolved.generator_keys(context.store)
    for name in [*own, *([right] if right in config.pipeline.judges else [])]:
        lines += estimate_judging(context, resolved.judge(name), keys, unwritten, only=only)
    for name in own if attacks else ():
        judge = resolved.judge(name)
        altered = _altered(resolved, context, judge, attacks, unwritten)
        pending = estimate_judging(context, judge, [f"attack:{judge.key}"], [altered])
        lines += [line.at_most(", attacked") for line in pending]
    return Plan(lines, spent_in_all(context.store, config), config.pipeline.budget)


def _altered(resolved: Resolved, context: Context, judge: Judge, answers: int, unwritten: Sequence[Unwritten]) -> Unwritten:
    """Return an upper bound on the altered responses that are not stored yet: attacks that change nothing are dropped.

    Altered responses are about as long as the originals.
    """
    store = context.store
    known = store.measure("FROM attacks WHERE judge = $judge", "count(*)", judge=judge.key)
    answered = (
        "SELECT prompt, text FROM responses WHERE failure IS NULL AND list_contains($generators::VARCHAR[], generator)"
    )
    found = store.rows(f"{answered} ORDER BY hash(key) LIMIT 100", generators=resolved.generator_keys(context.store))
    length = next((each.length for each in unwritten if each.responses), exactly(mean_tokens(row["text"] for row in found)))
    rows = sample(store, "SELECT key AS prompt FROM current_prompts", "prompt", "generate")
    return Unwritten(max(answers * len(templates(context)) - known, 0), 0, rows, length)
