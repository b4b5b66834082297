"""The plan of a whole pipeline: all stages that call a model, in order."""

from collections.abc import Sequence
from dataclasses import replace

from rlaif import pipeline as run
from rlaif.config import Config, OpenAIModel, Task
from rlaif.context.run import Context, HeldOut
from rlaif.context.spending import spent_in_all
from rlaif.estimate.bounds import later_rounds, numbered, rewards, target
from rlaif.estimate.generation import UNMADE, estimate_generation, estimate_stage
from rlaif.estimate.judging import estimate_judging
from rlaif.estimate.means import Unwritten
from rlaif.estimate.types import Line, Plan
from rlaif.pipeline import cascade
from rlaif.pipeline.evaluated_models import (
    base_generator,
    contenders,
    kept_checkpoints,
    recorded_base,
    recorded_models,
    trained_generator,
)
from rlaif.pipeline.evaluation_tasks import all_prompts, open_task_store
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
    first = numbered(context, 1)
    by_first = resolve(first.config) if config.pipeline.rounds else resolved
    lines, unwritten = estimate_stage(by_first, first)
    lines += _judging(by_first, first, unwritten, reading)
    lines += target(by_first, first, lines)
    if config.pipeline.train and not trained_generator(resolved, context):
        lines += rewards(by_first, first)
    if section and ((config.pipeline.generate and config.pipeline.train) or section.models):
        lines += _evaluation(resolved, context, [] if reading else section.tasks)
    lines += later_rounds(context)
    return Plan(lines, spent_in_all(context.store, config), config.pipeline.budget)


def _live(context: Context) -> Context:
    """Return the same pipeline with live requests only, which changes no response and so no key."""
    pipeline, models = context.config.pipeline, context.config.pipeline.models
    batched = {name: model for name, model in models.items() if isinstance(model, OpenAIModel) and model.mode == "batch"}
    if not batched:
        return context
    context.progress.note(f"pilot: live requests to {', '.join(batched)} at the full price, since a batch may take a day")
    live = models | {name: model.model_copy(update={"mode": "live"}) for name, model in batched.items()}
    config = Config(pipeline.model_copy(update={"models": live}), context.config.file, context.config.overrides)
    return replace(context, config=config)


def _judging(plan: Resolved, context: Context, unwritten: Sequence[Unwritten], reading: bool) -> list[Line]:
    """Return the lines of the judge stage. In a cascade, a line is an upper bound until the judge before it is done."""
    lines, keys, written = list[Line](), plan.generator_keys(context.store), not any(each.responses for each in unwritten)
    done = False
    for name in plan.judge_stage:
        # Finding the prompts to escalate writes them to the store, so a plan that only reads uses the upper bound.
        known = plan.judge_before(name) is None or (done and not reading)
        judge = cascade.escalate_to(plan, context, name) if known else plan.judge(name)
        found = estimate_judging(context, judge, keys, unwritten)
        done = written and judge.model is not None and not found
        lines += found if known else [line.at_most() for line in found]
    return lines


def _evaluation(plan: Resolved, context: Context, tasks: Sequence[Task]) -> list[Line]:
    """Return lines for all models of the evaluation, on held-out prompts and on tasks."""
    lines, held_out, recorded = list[Line](), plan.held_out, recorded_base(plan)
    models = _models(plan, context)
    base = recorded.key if recorded else models[0][2]
    sampled = [each.key for each in plan.generators if each.pick == EVERY_PROMPT]
    # Judges that are not in the file came with the data.
    judges = [name for name in plan.evaluators if name in plan.config.pipeline.judges]
    recorded_too = [(each.name, None, each.key) for each in recorded_models(plan)]
    for model, generator, key in [*models, *_checkpoints(plan, context), *recorded_too]:
        # Responses of the generate stage have a line already, and so have their judgements, as those of recorded responses.
        counted, unwritten = generator is None or key in sampled, Unwritten()
        if generator:
            found, unwritten = estimate_generation(context, generator, f"{model}: generate", only=held_out, key=key)
            lines += [] if counted else found
        for name in judges:
            if not (counted and name in plan.judge_stage):
                judge, stage = plan.judge(name), f"{model}: judge {name}"
                lines += estimate_judging(context, judge, [key], [unwritten], only=held_out, stage=stage, against=base)
    for task in tasks:
        with open_task_store(plan, context, task.name) as inner:
            for model, generator, key in models:
                stage, only = f"{model}: task {task.name}", all_prompts(plan)
                lines += estimate_generation(inner, generator, stage, only=only, key=key)[0]
    return lines


def _models(plan: Resolved, context: Context) -> list[tuple[str, Generator, str]]:
    """Return the compared models as name, generator and key. A model that is not trained yet is planned as the base."""
    models = list[tuple[str, Generator, str]]()
    if not recorded_base(plan):
        base = base_generator(plan)
        models.append(("base", base, base.key))
    if context.config.pipeline.train:
        trained = trained_generator(plan, context)
        models.append(("trained", trained or base, trained.key if trained else ""))
    return models + [(each.name, each, each.key) for each in contenders(plan)]


def _checkpoints(plan: Resolved, context: Context) -> list[tuple[str, Generator, str]]:
    """Return the checkpoints that the training keeps, without the last one, in the form of `_models`."""
    section = context.config.pipeline.train
    if section is None or section.checkpoints is None:
        return []
    if trained := trained_generator(plan, context):
        return [(f"step {each.step}", each.generator, each.generator.key) for each in kept_checkpoints(trained)[:-1]]
    base = base_generator(plan)
    return [(f"checkpoint {number}", base, UNMADE) for number in range(1, section.checkpoints)]
