"""What a pipeline asks of a model: one example of each form of request that its stages send."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from rlaif.config import Config
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.errors import InputError
from rlaif.doctor.rehearsal import rehearse
from rlaif.models.base import ChatRequest, Sampling
from rlaif.pipeline import resolve
from rlaif.pipeline.generator import generator, show

# A subject that has all a judge may need, and of which little can be said.
SUBJECT: Final = {
    "document": "Ice is cold.",
    "reference": "Ice is cold.",
    "checklist": json.dumps(["essential: It says that ice is cold."]),
}
RESPONSE: Final = "Ice is cold."
# Forms of requests by one judge that are tried. Judges with more have criteria of the same kinds.
MOST_FORMS: Final = 4


@dataclass(frozen=True, slots=True)
class Need:
    """An `ask` as a stage sends it, about a tiny subject. `place` is the section of the pipeline file that shapes it."""

    place: str
    ask: ChatRequest
    rewards: bool = False


def needs(config: Config, name: str) -> list[Need]:
    """The forms of requests that the stages send to the model called `name`. Sections with mistakes are passed over."""
    found: list[Need] = []
    with suppress(InputError):
        found += _generator(config, name)
    for judge in dict.fromkeys(config.judges + resolve.evaluators(config)):
        if config.pipeline.judges[judge].model == name:
            with suppress(InputError):
                found += _judge(config, judge)
    return found


def _messages() -> list[Any]:
    text = Template(root() / "prompts/doctor/probe.jinja", frozenset()).render()
    return [{"role": "user", "content": text}]


def _generator(config: Config, name: str) -> Iterator[Need]:
    settings = config.pipeline.generate
    if settings and settings.model == name:
        # Also the template is the run's own: some servers refuse what it makes of a prompt.
        messages = show(generator(config).template, _messages(), SUBJECT["document"])
        sampling = Sampling(settings.temperature, settings.top_p, settings.max_tokens)
        seeds = tuple(range(1, settings.samples + 1))
        yield Need("generate", ChatRequest(messages, sampling, seeds, top_logprobs=0 if settings.logprobs else None))


def _judge(config: Config, name: str) -> Iterator[Need]:
    judge = resolve.named_judge(config, name)
    row = {"messages": json.dumps(_messages()), **SUBJECT}
    forms: set[Any] = set()
    for call in judge.calls:
        asks = rehearse(judge, call, row, RESPONSE, 1)
        for ask in asks.noted + asks.asks:
            form = (_keywords(ask.schema), ask.sampling, ask.top_logprobs)
            if form not in forms and len(forms) < MOST_FORMS:
                forms.add(form)
                yield Need(f"judges.{name}", ask, judge.rewards)


def _keywords(schema: Any) -> frozenset[str]:
    """The keywords of a JSON schema, by which servers refuse it."""
    if isinstance(schema, dict):
        return frozenset(schema).union(*(_keywords(each) for each in schema.values()))
    if isinstance(schema, list):
        return frozenset().union(*(_keywords(each) for each in schema))
    return frozenset()
