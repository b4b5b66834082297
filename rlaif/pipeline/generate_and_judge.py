"""Up to the scores: prompts, responses, judgements."""

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
    """Prompts, and what comes with them, into the store."""
    from rlaif.pipeline.stages import collect as collecting

    collecting.run(context)


def generate(context: Context, *, only: HeldOut = EVERYTHING) -> None:
    """Responses that the pipeline's generator owes, to all prompts or to `only` these."""
    need_prompts(context)
    generating.show_imported(context)
    if context.config.pipeline.generate:
        writer = generator(context.config)
        alone(context, partial(generating.run, context, generator=writer, only=only))


def judge(
    context: Context, names: Sequence[str] = (), *, only: HeldOut = EVERYTHING, allow_code: bool = False
) -> None:  # fmt: skip
    """Scores that these judges (all of the judge stage by default) have not given yet, on all responses to pair."""
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
    """Both at once where their models do not share this machine's device: a response is judged as soon as it is kept."""
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
