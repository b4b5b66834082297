"""Evaluates the checkpoints that a training kept, like other models, and puts their results in order of their steps."""

from collections.abc import Mapping, Sequence

from rlaif.context.run import Context
from rlaif.evaluation.checkpoint_curve import CheckpointCurve, base_checkpoint, best_checkpoint, read_checkpoint
from rlaif.evaluation.divergence import Divergence
from rlaif.evaluation.scores import Scored
from rlaif.evaluation.text_stats import read_texts
from rlaif.judging.judge import Judge
from rlaif.pipeline.evaluate_answers import answer, measure_divergence, score
from rlaif.pipeline.evaluated_models import ImportedJudge, KeptCheckpoint, kept_checkpoints
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan


def checkpoint_curve(
    plan: Plan,
    context: Context,
    base: Generator,
    trained: Generator,
    judges: Sequence[Judge | ImportedJudge],
    *,
    allow_code: bool,
    stored: bool,
) -> CheckpointCurve | None:
    """Return how the judges see the training's kept checkpoints on held-out prompts; None if it kept none.

    With `stored`, no model is called, and the result is None until some checkpoint has been judged.
    """
    kept, only = kept_checkpoints(trained), plan.held_out
    if not kept:
        return None
    models = [each.generator for each in kept]
    if not stored:
        answer(plan, context, models, only)
    scored: dict[str, list[Scored]] = {}
    for judge in judges:
        results = score(context, judge, base, models, only, allow_code=allow_code, stored=stored)
        scored[judge.name] = [each for _, each in results]
    if stored and not any(each.both for results in scored.values() for each in results[:-1]):
        return None
    divergences = [measure_divergence(context, base, each, only, stored=stored) for each in models]
    return _curve(plan, context, base, kept, scored, divergences)


def _curve(
    plan: Plan,
    context: Context,
    base: Generator,
    kept: Sequence[KeptCheckpoint],
    scored: Mapping[str, Sequence[Scored]],
    divergences: Sequence[Divergence | None],
) -> CheckpointCurve:
    texts = read_texts(context.store, [base.key, *(each.generator.key for each in kept)], only=plan.held_out)
    steps = [(each.step, str(each.folder.relative_to(plan.config.out))) for each in kept]
    checkpoints = [
        read_checkpoint(*each, {judge: results[place] for judge, results in scored.items()}, of_texts, divergence)
        for place, (each, of_texts, divergence) in enumerate(zip(steps, texts[1:], divergences, strict=True))
    ]
    held_out = [judge for judge in scored if judge not in plan.training_judges]
    chosen = (best_checkpoint(judge, scored[judge], steps) for judge in held_out)
    return CheckpointCurve(
        training_judges=[judge for judge in scored if judge in plan.training_judges],
        checkpoints=[base_checkpoint(list(scored), texts[0]), *checkpoints],
        best=next(filter(None, chosen), None),
    )
