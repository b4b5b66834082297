"""Builds one example of each form of request that a pipeline's stages send to a model."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.errors import InputError
from rlaif.core.types import Prompt, stored
from rlaif.estimate.rehearsal import rehearse
from rlaif.models.base import ChatRequest
from rlaif.pipeline.plan import Plan

# A tiny subject with every field that a judge may need.
SUBJECT: Final = {
    "document": "Ice is cold.",
    "reference": "Ice is cold.",
    "checklist": json.dumps(["essential: It says that ice is cold."]),
}
RESPONSE: Final = "Ice is cold."
# Request forms to try per judge. Judges with more have several criteria of the same kinds.
MOST_FORMS: Final = 4


@dataclass(frozen=True, slots=True)
class Need:
    """A request (`ask`) as a stage sends it, about a tiny subject. `place` is the pipeline section that configures it."""

    place: str
    request: ChatRequest
    rewards: bool = False


def needs(plan: Plan, name: str) -> list[Need]:
    """Return the forms of requests that the stages send to model `name`. Invalid sections are skipped."""
    found: list[Need] = []
    with suppress(InputError):
        found += _generator(plan, name)
    for judge in plan.all_judges:
        if plan.config.pipeline.judges[judge].model == name:
            with suppress(InputError):
                found += _judge(plan, judge)
    return found


def _messages() -> list[Any]:
    text = Template(root() / "prompts/doctor/probe.jinja", frozenset()).render()
    return [{"role": "user", "content": text}]


def _subject() -> Prompt:
    return stored({"messages": json.dumps(_messages()), **SUBJECT})


def _generator(plan: Plan, name: str) -> Iterator[Need]:
    for generator in plan.generators:
        if generator.settings.model == name:
            # Use the run's template, because some servers reject the messages that it produces.
            messages, settings = generator.render(_subject()), generator.settings
            seeds, logprobs = tuple(range(1, settings.samples + 1)), 0 if settings.logprobs else None
            yield Need("generate", ChatRequest(messages, generator.sampling, seeds, top_logprobs=logprobs))


def _judge(plan: Plan, name: str) -> Iterator[Need]:
    judge = plan.judge(name)
    row = {"messages": json.dumps(_messages()), **SUBJECT}
    forms: set[Any] = set()
    for call in (call for call in judge.calls if call.needs_model):
        sent = rehearse(judge, call, row, RESPONSE, 1)
        for request in sent.notes + sent.requests:
            form = (_keywords(request.schema), request.sampling, request.top_logprobs)
            if form not in forms and len(forms) < MOST_FORMS:
                forms.add(form)
                yield Need(f"judges.{name}", request, judge.rewards)


def _keywords(schema: Any) -> frozenset[str]:
    """Return the keywords of a JSON Schema; servers reject schemas for unsupported keywords."""
    if isinstance(schema, dict):
        return frozenset(schema).union(*(_keywords(each) for each in schema.values()))
    if isinstance(schema, list):
        return frozenset().union(*(_keywords(each) for each in schema))
    return frozenset()
