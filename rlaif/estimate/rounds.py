"""Estimate the cost of later rounds: at most that of a whole round each, because their generators are not trained yet."""

from dataclasses import replace

from rlaif.context.run import Context
from rlaif.estimate.rates import Estimate
from rlaif.estimate.training import rewards
from rlaif.estimate.types import Line, Range
from rlaif.pipeline.evaluated_models import base_generator
from rlaif.pipeline.resolve import resolve
from rlaif.pipeline.rounds import as_round, chain

# The key of a generator that is not trained yet and has written nothing.
UNMADE = ""


def numbered(context: Context, number: int) -> Context:
    """Return the pipeline of one round, with the first round's generator; the pipeline itself if it has no rounds."""
    settings = context.config.pipeline.rounds
    return replace(context, config=as_round(context.config, settings, number, None)) if settings else context


def later(context: Context) -> list[Line]:
    """Return lines for the rounds after the first that are pending. They are not certain: any round may be the last."""
    settings = context.config.pipeline.rounds
    if settings is None:
        return []
    made = context.store.query("FROM rounds WHERE chain = $chain", chain=chain(context.config.pipeline))
    left = 0 if any(row["stopped"] for row in made) else settings.most - max(len(made), 1)
    return [_times(line, left) for line in _whole(numbered(context, 2))] if left > 0 else []


def _whole(context: Context) -> list[Line]:
    """Return the lines of a round that has not started."""
    plan, estimate = resolve(context.config), Estimate(context)
    trained = plan.policy.settings.model
    written = [
        estimate.generate(each, each.stage, key=UNMADE if each.settings.model == trained else None)
        for each in plan.generators
    ]
    for name in plan.judge_stage:
        estimate.judge(plan.judge(name), [], written)
    rewards(plan, context, estimate)
    if plan.config.pipeline.evaluate:
        held_out, name = plan.held_out, plan.evaluators[0]
        answers = estimate.generate(base_generator(plan), "trained: generate", only=held_out, key=UNMADE)
        estimate.judge(plan.judge(name), [], [answers], only=held_out, stage=f"trained: judge {name}")
    return estimate.lines


def _times(line: Line, rounds: int) -> Line:
    more = "1 more round" if rounds == 1 else f"{rounds} more rounds"
    return replace(
        line,
        stage=f"{line.stage.removesuffix(', at most')}, {more}, at most",
        asks=line.asks * rounds,
        completions=line.completions * rounds,
        prompt_tokens=_most(line.prompt_tokens, rounds),
        output_tokens=_most(line.output_tokens, rounds),
        usd=line.usd and _most(line.usd, rounds),
    )


def _most(each: Range, rounds: int) -> Range:
    return Range(0.0, each.expected * rounds, each.high * rounds)
