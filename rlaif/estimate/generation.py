"""Estimates the pending responses of generators."""

from collections.abc import Sequence

from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.core.types import stored
from rlaif.estimate.means import ENOUGH, Unwritten, mean, output_tokens, sample
from rlaif.estimate.token_counts import counter
from rlaif.estimate.types import Line, Range, exactly, priced
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import generate as generating
from rlaif.store.store import Row, sql

# The key of a generator that is not trained yet and has written nothing.
UNMADE = ""


def estimate_stage(
    plan: Plan, context: Context, *, only: HeldOut = EVERYTHING, untrained: str | None = None
) -> tuple[list[Line], list[Unwritten]]:
    """Return a line for each generator of the plan, and the responses that are still to be written.

    All responses of generators with the model `untrained` are pending, because that model is still to be trained.
    """
    lines, unwritten = list[Line](), list[Unwritten]()
    for generator in plan.generators:
        key = UNMADE if generator.settings.model == untrained else None
        found, responses = estimate_generation(context, generator, generator.stage, only=only, key=key)
        lines += found
        unwritten.append(responses)
    return lines, unwritten


def estimate_generation(
    context: Context, generator: Generator, stage: str, *, only: HeldOut = EVERYTHING, key: str | None = None
) -> tuple[list[Line], Unwritten]:
    """Return a line for a generator's pending responses, none if it is up to date; and these responses.

    With another `key`, such as that of a model that is not trained yet, all of them are pending.
    """
    store, pending = context.store, sql("pipeline/sql/generate/pending")
    wanted = generating.pending_parameters(context.config, generator, only, key)
    counts = f"SELECT count(*) AS requests, any_value(pending)::BIGINT AS responses FROM ({pending})"
    requests, responses = store.rows(counts, **wanted)[0].values()
    if not requests:
        return [], Unwritten()
    rows = sample(store, pending, "prompt", "generate", **wanted)
    past = store.query("estimate/sql/past_responses", generator=generator.key)[0]
    prompt, prompts_by = _prompt_tokens(generator, past, rows, responses / requests)
    output, outputs_by = output_tokens(past, generator.settings.max_tokens)
    totals = (prompt * requests, prompts_by), (output * responses, outputs_by)
    line = priced(stage, generator.name, generator.model, (requests, responses), *totals)
    return [line], Unwritten(responses, requests, rows, output)


def _prompt_tokens(generator: Generator, past: Row, rows: Sequence[Row], samples: float) -> tuple[Range, str]:
    """Return the prompt tokens of a request for this many samples, and the source of that number."""
    if past["units"] >= ENOUGH and past["prompt_tokens"]:
        return exactly(past["prompt_tokens"]), "past requests"
    count, counted_by = counter(generator.model)
    tokens = mean(count(generator.render(stored(row))) for row in rows)
    # A server that does not return several completions per request gets the prompt once for each.
    return Range(tokens, tokens, tokens * (samples if generator.model.kind in ("openai", "anthropic") else 1.0)), counted_by
