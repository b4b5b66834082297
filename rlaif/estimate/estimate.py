"""The plan of a whole pipeline: all stages that call a model, in order."""

from collections.abc import Sequence
from dataclasses import replace

from rlaif import pipeline as run
from rlaif.config import Config, OpenAIModel, Task
from rlaif.context.run import Context, HeldOut
from rlaif.estimate import rounds, target
from rlaif.estimate.rates import Estimate
from rlaif.estimate.training import rewards
from rlaif.estimate.types import Pending, Plan
from rlaif.pipeline import cascade
from rlaif.pipeline.evaluated_models import base_generator, contenders, trained_generator
from rlaif.pipeline.evaluation_tasks import asked, opened
from rlaif.pipeline.generator import EVERY_PROMPT, Generator
from rlaif.pipeline.plan import Plan as Resolved
from rlaif.pipeline.resolve import resolve


def plan(resolved: Resolved, context: Context, pilot: int = 0, *, allow_code: bool = False) -> Plan:
    """Estimate the pending work and its cost. Collects prompts; no model is called, except by a `pilot`.

    Args:
        pilot: generate and judge this many prompts first, so that lengths are measured. Results are kept and not paid for
            again. A pilot sends live requests even if the pipeline uses a batch API, which may take a day.
        allow_code: whether the pipeline's own Python checks may run.
    """
    run.check(resolved)
    run.collect(context)
    run.check_pairs(resolved, context)
    if pilot:
        live, only = _live(context), HeldOut(1.0, pilot)
        by_live = resolved if live is context else resolve(live.config)
        run.generate(by_live, live, only=only)
        run.judge(by_live, live, only=only, allow_code=allow_code)
    return _estimate(resolved, context)


def left(resolved: Resolved, context: Context) -> Plan:
    """Estimate the pending work and its cost from the store, which is only read. Evaluation tasks are left out."""
    run.check(resolved)
    return _estimate(resolved, context, reading=True)


def _estimate(resolved: Resolved, context: Context, *, reading: bool = False) -> Plan:
    config, section = context.config, context.config.pipeline.evaluate
    first = rounds.numbered(context, 1)
    by_first = resolve(first.config) if config.pipeline.rounds else resolved
    estimate = Estimate(first)
    written = [estimate.generate(each, each.stage) for each in by_first.generators]
    for name in by_first.judge_stage:
        _judge(by_first, first, name, estimate, written, reading)
    estimate.lines += target.beyond(by_first, first, estimate.lines)
    if config.pipeline.train and not trained_generator(resolved, context):
        rewards(by_first, first, estimate)
    if section and config.pipeline.generate and (config.pipeline.train or section.models):
        _evaluate(resolved, context, estimate, [] if reading else section.tasks)
    estimate.lines += rounds.later(context)
    return estimate.plan


def _live(context: Context) -> Context:
    """Return the same pipeline with live requests only, which changes no response and so no key."""
    pipeline, models = context.config.pipeline, context.config.pipeline.models
    batched = {name: model for name, model in models.items() if isinstance(model, OpenAIModel) and model.mode == "batch"}
    if not batched:
        return context
    context.progress.note(f"pilot: live requests to {', '.join(batched)} at the full price, since a batch may take a day")
    asked = models | {name: model.model_copy(update={"mode": "live"}) for name, model in batched.items()}
    config = Config(pipeline.model_copy(update={"models": asked}), context.config.file, context.config.overrides)
    return replace(context, config=config)


def _judge(
    resolved: Resolved, context: Context, name: str, estimate: Estimate, written: Sequence[Pending], reading: bool
) -> None:
    """Add a line for a judge. In a cascade, it is an upper bound until the judge before it is done."""
    judge, earlier = resolved.judge(name), resolved.judge_before(name)
    # Finding the prompts to escalate writes them to the store, so a plan that only reads uses the upper bound.
    known = earlier is None or (not reading and _is_done(resolved, earlier, estimate, written))
    judge = cascade.in_turn(resolved, context, name) if known else judge
    estimate.judge(judge, resolved.generator_keys(context.store), written, at_most=not known)


def _is_done(resolved: Resolved, name: str, estimate: Estimate, written: Sequence[Pending]) -> bool:
    """Return whether a judge that calls a model has nothing pending."""
    lines = {line.stage for line in estimate.lines}
    asks = resolved.judge(name).model is not None
    return asks and not lines & {f"judge {name}", f"judge {name}, at most"} and not any(each.responses for each in written)


def _evaluate(resolved: Resolved, context: Context, estimate: Estimate, tasks: Sequence[Task]) -> None:
    """Add lines for all models of the evaluation, on held-out prompts and on tasks."""
    held_out, sides = resolved.held_out, _sides(resolved, context)
    base, answering = sides[0][2], [each.key for each in resolved.generators if each.pick == EVERY_PROMPT]
    for side, who, key in sides:
        counted = key in answering
        # The base's responses may be those of the generate stage, which has a line already.
        lines = Estimate(context) if counted else estimate
        answers = lines.generate(who, f"{side}: generate", only=held_out, key=key)
        for name in resolved.evaluators:
            if not (counted and name in resolved.judge_stage):
                judge, stage = resolved.judge(name), f"{side}: judge {name}"
                estimate.judge(judge, [key], [answers], only=held_out, stage=stage, against=base)
    for task in tasks:
        with opened(resolved, context, task.name) as inner:
            on_task = Estimate(inner)
            for side, who, key in _sides(resolved, context):
                on_task.generate(who, f"{side}: task {task.name}", only=asked(resolved), key=key)
            estimate.lines += on_task.lines


def _sides(resolved: Resolved, context: Context) -> list[tuple[str, Generator, str]]:
    """Return the compared models as name, generator and key. A model that is not trained yet is planned as the base."""
    base = base_generator(resolved)
    sides = [("base", base, base.key)]
    if context.config.pipeline.train:
        trained = trained_generator(resolved, context)
        sides.append(("trained", trained or base, trained.key if trained else ""))
    return sides + [(each.name, each, each.key) for each in contenders(resolved)]
