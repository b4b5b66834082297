"""Evaluate: generates missing responses, judges them, and compares the models."""

from collections.abc import Sequence
from dataclasses import replace

from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.evaluation.comparison import Match, match, matches
from rlaif.evaluation.judge_overfit import Gap, gap
from rlaif.evaluation.scores import Contest, Scored
from rlaif.evaluation.text_stats import read_texts
from rlaif.evaluation.types import Evaluation
from rlaif.pipeline import harness
from rlaif.pipeline.evaluate_answers import Model, answer, earlier, measure_divergence, score
from rlaif.pipeline.evaluate_checkpoints import checkpoint_curve
from rlaif.pipeline.evaluated_models import (
    base_generator,
    check_recorded,
    contenders,
    evaluation_judge,
    kept_checkpoints,
    recorded_base,
    recorded_models,
    trained_generator,
)
from rlaif.pipeline.evaluation_tasks import evaluate_on_task
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan


def check(plan: Plan) -> None:
    """Check models, task files and the harness. Raises InputError for one that is missing."""
    config, section = plan.config, plan.config.pipeline.evaluate
    if section is None:
        return
    recorded = recorded_base(plan)
    names = [(recorded or base_generator(plan)).name] if section.models else []
    if recorded and (section.tasks or section.harness or config.pipeline.train):
        raise InputError(
            f"the base {recorded.name!r} has recorded responses and is never called",
            where=config.file.where(("evaluate",)),
            fix="Leave out `tasks`, `harness` and `train`, or name another base.",
        )
    for place, contender in enumerate(contenders(plan)):
        _ = contender.key
        if contender.name in names:
            where = config.file.where(("evaluate", "models", place))
            raise InputError(f"{contender.name!r} is the base, or named twice", where=where, fix="Leave it out.")
        names.append(contender.name)
    for task in section.tasks:
        _ = plan.task(task.name).judge(task.name).key
    harness.check(config)


def evaluate(plan: Plan, context: Context, *, allow_code: bool = False, stored: bool = False) -> Evaluation:
    """Evaluate the trained model, if any, and those of `evaluate.models` against the base on held-out prompts.

    With `stored` no model is called and nothing is written: only stored responses and scores are compared.
    """
    config, section = plan.config, plan.config.pipeline.evaluate
    if section is None or not (config.pipeline.generate or section.models):
        return Evaluation()
    if not stored:
        check(plan)
    trained = trained_generator(plan, context) if config.pipeline.train else None
    sampled = ([trained] if trained else []) + contenders(plan)
    models: list[Model] = [*sampled, *recorded_models(plan)]
    if not models:
        return Evaluation()
    base, only = recorded_base(plan) or base_generator(plan), plan.held_out
    if not stored:
        answer(plan, context, [base, *models], only)
    judges = [evaluation_judge(plan, name) for name in plan.evaluators]
    if not stored:
        check_recorded(plan, context.store, [base, *models], judges)
    scored = {
        judge.name: score(context, judge, base, models, only, allow_code=allow_code, stored=stored) for judge in judges
    }
    # Checkpoints of the trained model are no other models.
    known: list[Model] = [*models, *(each.generator for each in kept_checkpoints(trained))]
    results = [
        each
        for judge in judges
        for each in matches(context.store, scored[judge.name], earlier(context, judge, base, known, only))
    ]
    if stored and not any(each.prompts for each in results):
        return Evaluation()
    found = Evaluation(
        matches=[each for each in results if each.prompts or not stored],
        gaps=_gaps(models, scored, plan.training_judges),
        texts=read_texts(context.store, [base.key, *(each.key for each in models)], only=only),
    )
    if not isinstance(base, Generator):
        return found
    found = _add_sampled(found, plan, context, base, sampled, allow_code=allow_code, stored=stored)
    if trained is None:
        return found
    curve = checkpoint_curve(plan, context, base, trained, judges, allow_code=allow_code, stored=stored)
    return replace(found, curve=curve)


def _add_sampled(
    found: Evaluation,
    plan: Plan,
    context: Context,
    base: Generator,
    sampled: Sequence[Generator],
    *,
    allow_code: bool,
    stored: bool,
) -> Evaluation:
    """Return the evaluation with what only models that rlaif samples have: divergences, tasks and the harness."""
    section = plan.config.pipeline.evaluate
    assert section is not None
    divergences = (measure_divergence(context, base, each, plan.held_out, stored=stored) for each in sampled)
    tasks = (
        evaluate_on_task(plan, context, task.name, base, sampled, allow_code=allow_code, stored=stored)
        for task in section.tasks
    )
    return replace(
        found,
        divergences=[each for each in divergences if each],
        tasks=[each for each in tasks if each],
        harness=harness.measure(plan.config, section.harness, [base, *sampled], stored=stored) if section.harness else [],
    )


def first_match(plan: Plan, context: Context, *, allow_code: bool = False) -> Match | None:
    """Return the trained model's result by the first judge only; None without a trained model or an evaluation."""
    section, trained = plan.config.pipeline.evaluate, trained_generator(plan, context)
    if section is None or trained is None:
        return None
    base, only = base_generator(plan), plan.held_out
    answer(plan, context, [base, trained], only)
    judge = plan.judge(plan.evaluators[0])
    return match(context.store, *score(context, judge, base, [trained], only, allow_code=allow_code)[0])


def _gaps(models: Sequence[Model], scored: dict[str, list[tuple[Contest, Scored]]], training: Sequence[str]) -> list[Gap]:
    """Compare each model's gain by each training judge with that by each other judge, if both gave scores."""
    gaps = [
        gap(model.name, mine, other, scored[mine][place][1], scored[other][place][1])
        for mine in scored
        if mine in training
        for other in scored
        if other not in training
        for place, model in enumerate(models)
    ]
    return [each for each in gaps if each.prompts]
