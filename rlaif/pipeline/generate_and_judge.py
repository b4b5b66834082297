"""The first three stages: collect prompts, generate responses, judge them."""

from collections.abc import Sequence
from functools import partial

from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.core import event_loop
from rlaif.models.registry import is_local
from rlaif.pipeline import cascade
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.readiness import need_prompts, need_responses
from rlaif.pipeline.scheduler import run_overlapped, run_stage
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.stages import judge as judging


def collect(context: Context) -> None:
    """Collect prompts, and the responses and scores that come with them, into the store."""
    from rlaif.pipeline.stages import collect as collecting

    collecting.run(context)


def generate(plan: Plan, context: Context, *, only: HeldOut = EVERYTHING) -> None:
    """Generate the pending responses of the pipeline's generators, to all prompts or to those that `only` selects.

    Generators on servers sample at the same time, and those that run on this machine one after the other.
    """
    need_prompts(context)
    if only is EVERYTHING and _on_cluster(context):
        from rlaif.pipeline.work import cluster

        cluster.generate(plan, context)
        return
    generating.render_imported(plan, context)
    local = [each for each in plan.generators if is_local(each.model)]
    remote = [each for each in plan.generators if each not in local]
    for generators in [remote] * bool(remote) + [[each] for each in local]:
        run_stage(context, partial(generating.run_pool, plan, context, generators=generators, only=only))


def judge(
    plan: Plan,
    context: Context,
    names: Sequence[str] = (),
    *,
    only: HeldOut = EVERYTHING,
    allow_code: bool = False,
) -> None:
    """Compute the pending scores of these judges (default: all of the judge stage) for all responses to pair."""
    for name in names:
        plan.judge(name)
    need_responses(plan, context)
    _judge(plan, context, names, only, allow_code)


def _on_cluster(context: Context) -> bool:
    section = context.config.pipeline.run
    return section is not None and section.engine == "ray"


def _judge(plan: Plan, context: Context, names: Sequence[str], only: HeldOut, allow_code: bool) -> None:
    if only is EVERYTHING and _on_cluster(context):
        from rlaif.pipeline.work import cluster

        cluster.judge(plan, context, names, allow_code=allow_code)
        return
    for name in names or plan.judge_stage:
        judge = cascade.escalate_to(plan, context, name)
        scoring = partial(judging.run, context, judge=judge, generators=plan.generator_keys(context.store))
        run_stage(context, partial(scoring, only=only, allow_code=allow_code))


def generate_and_judge(plan: Plan, context: Context, *, allow_code: bool = False) -> None:
    """Generate and judge, at the same time unless two of the models run on this machine.

    In the overlapped case, a response is judged as soon as it is stored.
    """
    pipeline = plan.config.pipeline
    if pipeline.generate is None or _on_cluster(context) or sum(is_local(pipeline.models[name]) for name in plan.models) > 1:
        generate(plan, context)
    else:
        generating.render_imported(plan, context)
        judges = [plan.judge(name) for name in plan.judge_stage if plan.judge_before(name) is None]
        event_loop.run(run_overlapped(plan, context, judges, allow_code))
        context.budget.check()
    _judge(plan, context, (), EVERYTHING, allow_code)
