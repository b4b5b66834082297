"""A cascade of judges: each judge scores only the prompts that the judge before it did not decide.

A judge decides a prompt by the margin of the best response over the worst, or over the second best if the strategy pairs
with that. Escalations are facts in the store, so an escalated prompt stays with the later judge.
"""

from dataclasses import replace
from itertools import pairwise

from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.judging.judge import Judge
from rlaif.pairs.weights import weigh
from rlaif.pipeline.plan import Plan


def check(plan: Plan) -> None:
    """Check that the judges of a cascade are interchangeable. Raises InputError if they are not."""
    if plan.config.pipeline.judge.cascade is None:
        return
    where = plan.config.file.where(("judge", "cascade"))
    for judge, after in pairwise(plan.judge(name) for name in plan.judge_stage):
        if judge.compared:
            raise InputError(
                f"judge {judge.name!r} compares responses, so it has no score margin",
                where=where,
                fix="Only the last judge of a cascade may compare.",
            )
        names = [{criterion.name for criterion in each.rubric.criteria} for each in (judge, after)]
        if names[0] != names[1]:
            lacking = ", ".join(sorted(names[0] ^ names[1]))
            raise InputError(
                f"judges {judge.name!r} and {after.name!r} have different criteria: {lacking}",
                where=where,
                fix="Use the same criterion names in all rubrics of a cascade.",
            )


def escalate_to(plan: Plan, context: Context, name: str) -> Judge:
    """Return the judge of that name. For a later judge of a cascade, first escalate what the judge before did not decide."""
    judge, earlier, cascade = plan.judge(name), plan.judge_before(name), plan.config.pipeline.judge.cascade
    if earlier is None or cascade is None:
        return judge
    check(plan)
    store, before_that = context.store, plan.judge_before(earlier)
    first = plan.pair_judge(store, earlier)
    weighed = weigh(plan.rule, [first])
    store.execute(
        "pipeline/sql/judge/escalate",
        judge=judge.key,
        earlier=first.key,
        generators=plan.generator_keys(context.store),
        before_that=plan.judge_key(store, before_that) if before_that else None,
        criteria=[{name: row[name] for name in ("criterion", "factor", "low", "floor")} for row in weighed if row["weight"]],
        denominator=weighed[0]["denominator"],
        margin=cascade.margin,
        second=plan.rule.settings.strategy == "best_vs_second",
    )
    return replace(judge, after=first.key)
