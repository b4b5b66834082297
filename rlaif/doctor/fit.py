"""Checks that the longest prompt fits into each model's context, with room for the reply."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from rlaif.core.errors import InputError
from rlaif.core.types import stored
from rlaif.doctor.check import Check, fail, ok, warn
from rlaif.estimate.rehearsal import prompt_of, rehearse, rehearse_comparison
from rlaif.estimate.token_counts import TOKENIZER, counter
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Row, Store

# Context lengths in tokens by model name; None if unknown.
Limits = dict[str, int | None]
# The prompt with the most text, its document and reference included.
LONGEST: Final = """
    SELECT messages, document, reference, checklist, metadata FROM current_prompts
    ORDER BY length(messages) + coalesce(length(document), 0) + coalesce(length(reference), 0) DESC, key LIMIT 1
"""
FIX: Final = "Shorten documents, lower max_tokens, or use a model with a longer context."


def fits(plan: Plan, store: Store, limits: Mapping[str, int | None]) -> list[Check]:
    """Return one finding for each generator and one for each judge that calls a model."""
    rows = store.query(LONGEST)
    if not rows:
        return []
    looks: list[Callable[[], Check | None]] = []
    with suppress(InputError):
        looks += [partial(_generate, each, rows[0], limits) for each in plan.generators]
    for name in plan.all_judges:
        looks.append(partial(_judge, plan, name, rows[0], limits))
    checks = []
    for look in looks:
        with suppress(InputError):  # already reported by the checks of files and models
            checks.append(look())
    return [check for check in checks if check]


def _generate(generator: Generator, row: Row, limits: Mapping[str, int | None]) -> Check:
    count, by = counter(generator.model)
    tokens = count(generator.render(stored(row)))
    limit = limits.get(generator.settings.model or "")
    return _check(f"longest prompt of {generator.name}", tokens, generator.settings.max_tokens, limit, by)


def _judge(plan: Plan, name: str, row: Row, limits: Mapping[str, int | None]) -> Check | None:
    judge = plan.judge(name)
    if judge.model is None:
        return None
    count, by = counter(judge.model)
    generate = plan.config.pipeline.generate
    response = max((each.max_tokens for each in generate.pool), default=0) if generate else 0
    rehearsals = [rehearse(judge, call, row) for call in judge.calls if call.needs_model]
    rehearsals += [rehearse_comparison(judge, criterion, row) for criterion in judge.compared.values()]
    prompts = [prompt_of(request) for each in rehearsals for request in each.notes + each.requests]
    tokens = max((count(messages) + shown * response for messages, shown in prompts), default=0.0)
    limit = limits.get(judge.settings.model or "")
    return _check(f"longest prompt of judge {judge.name}", tokens, judge.settings.max_tokens, limit, by)


def _check(name: str, tokens: float, reply: int, limit: int | None, by: str) -> Check:
    message = f"{tokens:,.0f} tokens ({by}) and {reply:,} for the reply"
    if limit is None:
        return ok(name, f"{message}; the model's context length is not known")
    message = f"{message}, of {limit:,}"
    if tokens + reply <= limit:
        return ok(name, message)
    # A reply may stay below its limit, but a prompt that is too long never fits.
    return fail(name, message, FIX) if tokens > limit and by == TOKENIZER else warn(name, message, FIX)
