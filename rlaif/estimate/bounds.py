"""Estimates work that is not certain: samples for a target of pairs, later rounds, and requests while a model is trained."""

from collections.abc import Sequence
from dataclasses import replace

from rlaif.context.run import Context
from rlaif.core.types import buckets, stored
from rlaif.estimate.generation import UNMADE, estimate_generation, estimate_stage
from rlaif.estimate.judging import estimate_judging
from rlaif.estimate.means import NO_OUTPUT, Unwritten, mean, output_tokens, sample
from rlaif.estimate.token_counts import counter
from rlaif.estimate.types import Line, Range, exactly, priced
from rlaif.pipeline.evaluated_models import base_generator
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.resolve import resolve
from rlaif.pipeline.rounds import as_round, chain
from rlaif.pipeline.stages.train import base_model
from rlaif.store.store import sql
from rlaif.training.methods import configure


def target(plan: Plan, context: Context, pending: Sequence[Line]) -> list[Line]:
    """Return lines for what `pair.target` may cost beyond the `pending` lines, as if every prompt got `max_samples`.

    The number of prompts that need more samples is known only once pairs are made, so the expected ends are 0.
    """
    pair = context.config.pipeline.pair
    if not (pair and pair.target and any(pair.max_samples > each.settings.samples for each in plan.generators)):
        return []
    full = tuple(_sampled(each, pair.max_samples) for each in plan.generators)
    lines, unwritten = estimate_stage(replace(plan, pool=full), context)
    for name in plan.judge_stage:
        lines += estimate_judging(context, plan.judge(name), plan.generator_keys(context.store), unwritten)
    counted = {line.stage.removesuffix(", at most"): line for line in pending}
    return [_beyond(line, counted.get(line.stage)) for line in lines]


def _sampled(generator: Generator, least: int) -> Generator:
    """Return the generator with at least so many samples of each prompt."""
    samples = max(generator.settings.samples, least)
    return replace(generator, settings=generator.settings.model_copy(update={"samples": samples}))


def _beyond(line: Line, counted: Line | None) -> Line:
    """Return what a line may cost beyond the one that is already `counted`."""
    completions = line.completions - (counted.completions if counted else 0)

    def bound(each: Range, known: Range | None) -> Range:
        return Range(0.0, 0.0, each.high - (known.high if known else 0.0))

    return replace(
        line,
        stage=f"{line.stage} for the target, at most",
        requests=min(line.requests, completions),
        completions=completions,
        prompt_tokens=bound(line.prompt_tokens, counted.prompt_tokens if counted else None),
        output_tokens=bound(line.output_tokens, counted.output_tokens if counted else None),
        usd=line.usd and bound(line.usd, counted.usd if counted else None),
    )


def numbered(context: Context, number: int) -> Context:
    """Return the pipeline of one round, with the first round's generator; the pipeline itself if it has no rounds."""
    settings = context.config.pipeline.rounds
    return replace(context, config=as_round(context.config, settings, number, None)) if settings else context


def later_rounds(context: Context) -> list[Line]:
    """Return lines for the pending rounds after the first: at most a whole round each, because any may be the last."""
    settings = context.config.pipeline.rounds
    if settings is None:
        return []
    made = context.store.query("FROM rounds WHERE chain = $chain", chain=chain(context.config.pipeline))
    left = 0 if any(row["stopped"] for row in made) else settings.most - max(len(made), 1)
    more = ", 1 more round" if left == 1 else f", {left} more rounds"
    return [line.at_most(more, left) for line in _whole_round(numbered(context, 2))] if left > 0 else []


def _whole_round(context: Context) -> list[Line]:
    """Return the lines of a round that has not started, whose generator is not trained yet."""
    plan = resolve(context.config)
    lines, unwritten = estimate_stage(plan, context, untrained=plan.policy.settings.model)
    for name in plan.judge_stage:
        lines += estimate_judging(context, plan.judge(name), [], unwritten)
    lines += rewards(plan, context)
    if plan.config.pipeline.evaluate:
        held_out, name = plan.held_out, plan.evaluators[0]
        base = base_generator(plan)
        found, responses = estimate_generation(context, base, "trained: generate", only=held_out, key=UNMADE)
        stage = f"trained: judge {name}"
        lines += found + estimate_judging(context, plan.judge(name), [], [responses], only=held_out, stage=stage)
    return lines


def rewards(plan: Plan, context: Context) -> list[Line]:
    """Return a line for each judge or reward model that scores samples during training, as if every sample were new."""
    config, section = context.config, context.config.pipeline.train
    named = section.rewards if section else []
    judges = [plan.judge(each.judge) for each in named if each.judge]
    models = [each.model for each in named if each.model]
    if section is None or not (models or any(judge.model for judge in judges)):
        return []
    generator = plan.policy
    sampling = {"max_completion_length": generator.settings.max_tokens}
    options = configure(section, base_model(config)[1], config.out, config.file, sampling)
    wanted = {"held_out": buckets(config.pipeline.collect.held_out)}
    prompts = context.store.measure("pipeline/sql/train/prompts", "count(*)", **wanted)
    samples = round(prompts * options.num_generations * options.num_train_epochs)
    if options.max_steps > 0:
        samples = options.max_steps * options.per_device_train_batch_size * options.gradient_accumulation_steps
    rows = sample(context.store, sql("pipeline/sql/train/prompts"), "prompt", "generate", **wanted)
    past = context.store.query("estimate/sql/past_responses", generator=generator.key)[0]
    length, _ = output_tokens(past, options.max_completion_length)
    lines = []
    for name in models:
        count, counted_by = counter(config.pipeline.models[name])
        shown = mean(count(generator.render(stored(row))) for row in rows)
        tokens = (exactly(shown) + length) * samples
        totals = (tokens, counted_by), (Range(), NO_OUTPUT)
        lines.append(priced(f"train: reward {name}", name, config.pipeline.models[name], (samples, samples), *totals))
    unwritten = Unwritten(samples, min(prompts, samples), rows, length)
    for judge in judges:
        pending = estimate_judging(context, judge, [], [unwritten], stage=f"train: judge {judge.name}")
        lines += [line.at_most() for line in pending]
    return lines
