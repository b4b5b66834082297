"""Estimate what `pair.target` may cost: prompts without a pair get more samples, which are judged."""

from collections.abc import Sequence
from dataclasses import replace

from rlaif.context.run import Context
from rlaif.estimate.rates import Estimate
from rlaif.estimate.types import Line, Range
from rlaif.pipeline.plan import Plan


def beyond(plan: Plan, context: Context, pending: Sequence[Line]) -> list[Line]:
    """Return lines for the possible cost beyond the `pending` lines, as if every prompt got `max_samples` responses.

    The number of prompts that need more is known only once pairs are made, so the low and expected ends are 0.
    """
    pair = context.config.pipeline.pair
    if not (pair and pair.target and any(pair.max_samples > each.settings.samples for each in plan.generators)):
        return []
    full, written = Estimate(context), []
    for each in plan.generators:
        settings = each.settings.model_copy(update={"samples": max(pair.max_samples, each.settings.samples)})
        written.append(full.generate(replace(each, settings=settings), each.stage))
    for name in plan.judge_stage:
        full.judge(plan.judge(name), plan.generator_keys(context.store), written)
    counted = {line.stage.removesuffix(", at most"): line for line in pending}
    return [_more(line, counted.get(line.stage)) for line in full.lines]


def _more(line: Line, counted: Line | None) -> Line:
    responses = line.completions - (counted.completions if counted else 0)
    return replace(
        line,
        stage=f"{line.stage} for the target, at most",
        asks=min(line.asks, responses),
        completions=responses,
        prompt_tokens=_beyond(line.prompt_tokens, counted.prompt_tokens if counted else None),
        output_tokens=_beyond(line.output_tokens, counted.output_tokens if counted else None),
        usd=line.usd and _beyond(line.usd, counted.usd if counted else None),
    )


def _beyond(most: Range, counted: Range | None) -> Range:
    return Range(0.0, 0.0, most.high - (counted.high if counted else 0.0))
