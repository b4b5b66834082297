"""Has models answer and a judge judge what an evaluation needs and the store lacks."""

from collections.abc import Sequence
from functools import partial

from rlaif.context import Context, HeldOut
from rlaif.evaluate.means import Contest, Scored, read
from rlaif.generator import Generator
from rlaif.judges.named import Judge
from rlaif.models import Models
from rlaif.overlap import alone
from rlaif.stages import generate as generating
from rlaif.stages import judge as judging


def answer(context: Context, models: Sequence[Generator], only: HeldOut) -> None:
    """Each model's responses to these prompts."""
    for each in models:
        alone(context, partial(generating.run, context, generator=each, only=only))


def score(
    context: Context, judge: Judge, base: Generator, models: Sequence[Generator], only: HeldOut, *,
    allow_code: bool, stored: bool = False,
) -> list[tuple[Contest, Scored]]:  # fmt: skip
    """The contest of each model with the base before this judge, and its scores: with `stored`, those in the store alone."""
    keys = [each.key for each in (base, *models)]

    async def work(opened: Models) -> None:
        # Where it compares, each model meets the base, and no model another or itself.
        await judging.run(context, opened, judge, keys, only=only, allow_code=allow_code, against=base.key)

    if not stored:
        alone(context, work)
    # A criterion that compares gives no scores.
    weights = {each.name: each.weight for each in judge.rubric.criteria if each.kind != "compare"}
    contests = [Contest(base.key, each.key, judge.key, only) for each in models]
    return [(contest, read(context.store, contest, weights)) for contest in contests]
