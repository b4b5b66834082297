"""A cascade of judges: each judge scores only the prompts that the judge before it did not decide.

A judge decides a prompt by the margin of the best response over the worst, or over the second best if the strategy pairs
with that. Escalations are facts in the store, so an escalated prompt stays with the later judge.
"""

from dataclasses import replace
from itertools import pairwise

from rlaif.config import Config
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.judging.judge import Judge
from rlaif.pairs import build as pairing
from rlaif.pairs.weights import weigh
from rlaif.pipeline import resolve


def check(config: Config) -> None:
    """Check that the judges of a cascade are interchangeable. Raises InputError if they are not."""
    if config.pipeline.judge.cascade is None:
        return
    where = config.file.where(("judge", "cascade"))
    for name, after in pairwise(resolve.named_judge(config, name) for name in config.judges):
        if name.compared:
            raise InputError(
                f"judge {name.name!r} compares responses, so it has no score margin",
                where=where,
                fix="Only the last judge of a cascade may compare.",
            )
        names = [{criterion.name for criterion in judge.rubric.criteria} for judge in (name, after)]
        if names[0] != names[1]:
            lacking = ", ".join(sorted(names[0] ^ names[1]))
            raise InputError(
                f"judges {name.name!r} and {after.name!r} have different criteria: {lacking}",
                where=where,
                fix="Use the same criterion names in all rubrics of a cascade.",
            )


def in_turn(context: Context, name: str) -> Judge:
    """Return the judge of that name. For a later judge of a cascade, first escalate what the judge before did not decide."""
    config, judge = context.config, resolve.named_judge(context.config, name)
    earlier = resolve.before(config, name)
    if earlier is None or config.pipeline.judge.cascade is None:
        return judge
    check(config)
    settings, who = pairing.check(config), resolve.member(context, earlier)
    weighed = weigh(config, settings, [who])
    before_that = resolve.before(config, earlier)
    context.store.execute(
        "pipeline/sql/judge/escalate",
        judge=judge.key,
        earlier=who.key,
        generators=resolve.generators(config),
        before_that=resolve.judge_key(context, before_that) if before_that else None,
        criteria=[{name: row[name] for name in ("criterion", "factor", "low", "floor")} for row in weighed if row["weight"]],
        denominator=weighed[0]["denominator"],
        margin=config.pipeline.judge.cascade.margin,
        second=settings.strategy == "best_vs_second",
    )
    return replace(judge, after=who.key)
