"""A cascade of judges: each is asked only about the prompts that the one before it did not decide.

The lead by which a judge decides is that of the best response over the worst, as pairs of those would have it; over the
second where the strategy pairs with that. What was left open is a fact of the store, so it stays with the later judge.
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
    """Raises InputError where the judges of a cascade cannot stand in for each other."""
    if config.pipeline.judge.cascade is None:
        return
    where = config.file.where(("judge", "cascade"))
    for name, after in pairwise(resolve.named_judge(config, name) for name in config.judges):
        if name.compared:
            raise InputError(
                f"judge {name.name!r} compares responses, which tells of no lead", where=where,
                fix="Only the last judge of a cascade may compare.",
            )  # fmt: skip
        names = [{criterion.name for criterion in judge.rubric.criteria} for judge in (name, after)]
        if names[0] != names[1]:
            lacking = ", ".join(sorted(names[0] ^ names[1]))
            raise InputError(
                f"judges {name.name!r} and {after.name!r} have other criteria: {lacking}", where=where,
                fix="Give the rubrics of a cascade criteria of the same names.",
            )  # fmt: skip


def in_turn(context: Context, name: str) -> Judge:
    """The judge of that name; where it comes after another in a cascade, once it is left what that one did not decide."""
    config, judge = context.config, resolve.named_judge(context.config, name)
    earlier = resolve.before(config, name)
    if earlier is None or config.pipeline.judge.cascade is None:
        return judge
    check(config)
    settings, who = pairing.check(config), resolve.member(context, earlier)
    weighed = weigh(config, settings, [who])
    before_that = resolve.before(config, earlier)
    context.store.execute(
        "pipeline/sql/judge/escalate", judge=judge.key, earlier=who.key, generators=resolve.generators(config),
        before_that=resolve.judge_key(context, before_that) if before_that else None,
        criteria=[{name: row[name] for name in ("criterion", "factor", "low", "floor")} for row in weighed if row["weight"]],
        denominator=weighed[0]["denominator"], margin=config.pipeline.judge.cascade.margin,
        second=settings.strategy == "best_vs_second",
    )  # fmt: skip
    return replace(judge, after=who.key)
