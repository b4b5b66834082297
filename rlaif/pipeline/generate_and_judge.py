"""The first three stages: collect prompts, generate responses, judge them."""

from collections.abc import Sequence
from functools import partial

from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.core import event_loop
from rlaif.models.registry import is_local
from rlaif.pipeline import cascade
from rlaif.pipeline.generator import generator
from rlaif.pipeline.readiness import need_prompts, need_responses
from rlaif.pipeline.resolve import before, generators, models_asked, named_judge
from rlaif.pipeline.scheduler import alone, overlapped
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.stages import judge as judging


def collect(context: Context) -> None:
    """Collect prompts, and the responses and scores that come with them, into the store."""
    from rlaif.pipeline.stages import collect as collecting

    collecting.run(context)


def generate(context: Context, *, only: HeldOut = EVERYTHING) -> None:
    """Generate the pending responses of the pipeline's generator, to all prompts or to those that `only` selects."""
    need_prompts(context)
    generating.show_imported(context)
    if context.config.pipeline.generate:
        writer = generator(context.config)
        alone(context, partial(generating.run, context, generator=writer, only=only))


def judge(context: Context, names: Sequence[str] = (), *, only: HeldOut = EVERYTHING, allow_code: bool = False) -> None:
    """Compute the pending scores of these judges (default: all of the judge stage) for all responses to pair."""
    for name in names:
        named_judge(context.config, name)
    need_responses(context)
    _judge(context, names, only, allow_code)


def _judge(context: Context, names: Sequence[str], only: HeldOut, allow_code: bool) -> None:
    writers = generators(context.config)
    for name in names or context.config.judges:
        scoring = partial(judging.run, context, judge=cascade.in_turn(context, name), generators=writers)
        alone(context, partial(scoring, only=only, allow_code=allow_code))


def generate_and_judge(context: Context, *, allow_code: bool = False) -> None:
    """Generate and judge, at the same time unless two of the models run on this machine.

    In the overlapped case, a response is judged as soon as it is stored.
    """
    config = context.config
    asked = [config.pipeline.models[name] for name in models_asked(config)]
    if config.pipeline.generate is None or sum(map(is_local, asked)) > 1:
        generate(context)
    else:
        generating.show_imported(context)
        judges = [named_judge(config, name) for name in config.judges if before(config, name) is None]
        event_loop.run(overlapped(context, generator(config), judges, allow_code))
        context.budget.check()
    _judge(context, (), EVERYTHING, allow_code)
