"""The plan of an audit: missing responses and scores, and scores of attacked responses."""

from collections.abc import Sequence

from rlaif import pipeline
from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.estimate.rates import Estimate
from rlaif.estimate.sample import sample
from rlaif.estimate.types import Pending, Plan, Range
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
    estimate = Estimate(context)
    written = [estimate.generate(each, each.stage, only=only) for each in resolved.generators]
    for name in [*own, *([right] if right in config.pipeline.judges else [])]:
        estimate.judge(resolved.judge(name), resolved.generator_keys(context.store), written, only=only)
    for name in own if attacks else ():
        judge = resolved.judge(name)
        attacked = _attacked(resolved, context, judge, attacks, written)
        estimate.judge(judge, [f"attack:{judge.key}"], [attacked], stage=f"judge {name}, attacked, at most", at_most=True)
    return estimate.plan


def _attacked(resolved: Resolved, context: Context, judge: Judge, answers: int, written: Sequence[Pending]) -> Pending:
    """Return an upper bound on the attacked responses that are not stored yet: attacks that change nothing are dropped.

    Attacked responses are about as long as the originals.
    """
    store = context.store
    known = store.query("estimate/sql/attacked", judge=judge.key, generators=resolved.generator_keys(context.store))[0]
    missing = max(answers * len(templates(context)) - known["attacks"], 0)
    length = Range(known["length"], known["length"], known["length"]) if known["length"] else Range()
    prompts = sample(store, "SELECT key AS prompt FROM current_prompts", "prompt", "pipeline/sql/generate/texts", "prompt")
    # Notes on a prompt are paid when its responses are first judged.
    return Pending(missing, prompts, next((each.length for each in written if each.responses), length))
