"""The plan of an audit: missing responses and scores, and scores of attacked responses."""

from collections.abc import Sequence

from rlaif import roles, run
from rlaif.audit.attack import templates
from rlaif.context import EVERYTHING, Context, HeldOut
from rlaif.generator import generator
from rlaif.judges.named import Judge
from rlaif.plan.estimate import Estimate
from rlaif.plan.lines import Pending, Plan, Range
from rlaif.plan.sample import sample


def plan_audit(
    context: Context, names: Sequence[str] = (), gold: str | None = None, *, limit: int | None = None, attacks: int = 0
) -> Plan:
    """Estimate the requests and the cost of an audit of these judges. Collects prompts and calls no model."""
    config, only = context.config, EVERYTHING if limit is None else HeldOut(1.0, limit)
    run.check(config)
    run.collect(context)
    right = roles.gold(context, gold, names)
    own = [name for name in names or roles.all_judges(config) if name != right and name in config.pipeline.judges]
    estimate = Estimate(context)
    written = [estimate.generate(generator(config), only=only)] if config.pipeline.generate else []
    for name in [*own, *([right] if right in config.pipeline.judges else [])]:
        estimate.judge(roles.named_judge(config, name), roles.generators(config), written, only=only)
    for name in own if attacks else ():
        judge = roles.named_judge(config, name)
        attacked = _attacked(context, judge, attacks, written)
        estimate.judge(judge, [f"attack:{judge.key}"], [attacked], stage=f"judge {name}, attacked, at most", at_most=True)
    return estimate.plan


def _attacked(context: Context, judge: Judge, answers: int, written: Sequence[Pending]) -> Pending:
    """The attacked responses that are not stored yet, at most: attacks that change nothing are left out.

    They are about as long as the responses that they alter.
    """
    store = context.store
    known = store.query("plan/attacked", judge=judge.key, generators=roles.generators(context.config))[0]
    missing = max(answers * len(templates(context)) - known["attacks"], 0)
    length = Range(known["length"], known["length"], known["length"]) if known["length"] else Range()
    prompts = sample(store, "SELECT key AS prompt FROM current_prompts", "prompt", "generate/texts", "prompt")
    # Notes on a prompt are paid when its responses are first judged.
    return Pending(missing, prompts, next((each.length for each in written if each.responses), length))
