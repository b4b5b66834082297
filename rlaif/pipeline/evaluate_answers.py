"""Generates, judges and measures the responses that an evaluation needs and the store lacks."""

from collections.abc import Sequence
from functools import partial

from rlaif.config import TransformersModel
from rlaif.context.run import Context, HeldOut
from rlaif.evaluation.divergence import Divergence, Likelihoods, compared, likelihoods, read_divergence
from rlaif.evaluation.scores import Contest, Scored, read
from rlaif.judging.judge import Judge
from rlaif.models.registry import Models
from rlaif.pipeline.evaluated_models import ImportedJudge, RecordedModel
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.scheduler import run_stage
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.stages import judge as judging

Model = Generator | RecordedModel


def answer(plan: Plan, context: Context, models: Sequence[Model], only: HeldOut) -> None:
    """Generate each model's missing responses to these prompts."""
    for each in models:
        if isinstance(each, RecordedModel):
            continue
        run_stage(context, partial(generating.run, plan, context, generator=each, only=only))


def score(
    context: Context,
    judge: Judge | ImportedJudge,
    base: Model,
    models: Sequence[Model],
    only: HeldOut,
    *,
    allow_code: bool,
    stored: bool = False,
) -> list[tuple[Contest, Scored]]:
    """Judge the responses of all models; return each model's contest with the base, and its scores.

    With `stored`, no model is called, and only stored scores count.
    """
    keys = [each.key for each in (base, *models)]

    async def work(opened: Models) -> None:
        # A comparing judge compares each model with the base only.
        assert isinstance(judge, Judge)
        await judging.run(context, opened, judge, keys, only=only, allow_code=allow_code, against=base.key)

    if not stored and isinstance(judge, Judge):
        run_stage(context, work)
    return _read(context, judge, base.key, [each.key for each in models], only)


def earlier(
    context: Context, judge: Judge | ImportedJudge, base: Model, models: Sequence[Model], only: HeldOut
) -> list[tuple[Contest, Scored]]:
    """Return the stored results of other models against the base, for length control."""
    keys = [each.key for each in (base, *models)]
    rows = context.store.query("evaluation/sql/other_generators", known=keys, judge=judge.key, **only.parameters)
    return _read(context, judge, base.key, [row["generator"] for row in rows], only)


def _read(
    context: Context, judge: Judge | ImportedJudge, base: str, models: Sequence[str], only: HeldOut
) -> list[tuple[Contest, Scored]]:
    # A criterion of kind `compare` gives no scores.
    weights = None
    if isinstance(judge, Judge):
        weights = {each.name: each.weight for each in judge.rubric.criteria if each.kind != "compare"}
    contests = [Contest(base, each, judge.key, only) for each in models]
    return [(contest, read(context.store, contest, weights)) for contest in contests]


def measure_divergence(
    context: Context, base: Generator, model: Generator, only: HeldOut, *, stored: bool
) -> Divergence | None:
    """Return a model's divergence from its base, if both run in this process."""
    if not all(isinstance(each.model, TransformersModel) for each in (base, model)):
        return None
    store = context.store
    if stored:
        return read_divergence(store, model.key, base.key, only=only)
    pending = store.query("evaluation/sql/undiverged", generator=model.key, reference=base.key, **only.parameters)
    with context.stage("divergence", len(pending)) as tally:
        if pending:
            found: list[Likelihoods] = []

            async def weigh(models: Models, who: Generator) -> None:
                assert isinstance(who.model, TransformersModel)
                found.append(await likelihoods(models, who.model, pending))

            for who in (model, base):
                run_stage(context, partial(weigh, who=who))
            own, reference = found
            rows = compared(own, reference, base.key)
            store.append("divergences", rows)
            for row in rows:
                tally.finish(row)
    return read_divergence(store, model.key, base.key, only=only)
