"""The arguments of a kind of criterion: the subject to judge, and the judge's model, templates and settings."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from re import Pattern
from typing import Any

from rlaif.config import JudgeSpec
from rlaif.config.templates import Template, fence
from rlaif.core.types import Message, Prompt, answer_key
from rlaif.judging import formats
from rlaif.judging.native import Format
from rlaif.judging.retrieval import Retrieval, Words
from rlaif.judging.sanitize import NEVER, part, sanitize
from rlaif.models.base import Model

# Cached, because all responses to a prompt share its texts, and documents may be long.
_prompt_view = lru_cache(maxsize=64)(sanitize)


@dataclass(frozen=True)
class Candidate:
    """A response to a prompt."""

    prompt: Prompt
    text: str

    @cached_property
    def answer(self) -> str:
        return answer_key(self.prompt.key, self.text)

    @cached_property
    def prompt_fence(self) -> str:
        """The nonce around the prompt's texts; the response's nonce is `fence(subject.answer)`."""
        return fence(self.prompt.key)


@dataclass(frozen=True, slots=True)
class Note:
    """What a judge derived once from a prompt for all its responses (key points, checklist items), or a failure kind."""

    texts: list[str]
    raw: str = ""
    failure: str | None = None
    detail: str | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


Once = Callable[[Prompt, str, Callable[[], Awaitable[Note]]], Awaitable[Note]]


def _readable(turn: Message) -> str:
    """Return a turn's text, with the tools that it offers and those that it calls as JSON."""
    offered, called = turn.get("tools"), turn.get("tool_calls")
    parts = [
        f"Tools: {json.dumps(offered, ensure_ascii=False)}" if offered else "",
        turn["content"],
        f"Tool calls: {json.dumps(called, ensure_ascii=False)}" if called else "",
    ]
    return "\n\n".join(filter(None, parts))


async def every_time(prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
    """Make the note again on every call."""
    return await make()


@dataclass(frozen=True, slots=True)
class JudgeContext:
    """A judge's model, templates and settings.

    `templates` holds the templates that only some kinds use, by name. `once` returns the stored note on a prompt for a
    criterion (given by key), or makes and stores it. `retrieval` finds the passages of a document that are relevant to a
    claim. `special` matches the special tokens of the judge's tokenizer, if it is known. `without_logprobs` counts, by
    reason, verdicts whose log-probabilities were requested but could not be used.
    """

    spec: JudgeSpec
    template: Template
    model: Model | None = None
    allow_code: bool = False
    templates: Mapping[str, Template] = field(default_factory=dict)
    once: Once = every_time
    retrieval: Retrieval = field(default_factory=Words)
    special: Pattern[str] = NEVER
    without_logprobs: Counter[str] = field(default_factory=Counter)

    @property
    def format(self) -> Format | None:
        """The judge's native format; None for JSON."""
        return formats.load(self.spec.format) if self.spec.format else None

    def report(self, stage: str, note: Callable[[str], None]) -> None:
        """Report how many verdicts have no expected value because their log-probabilities were unusable; reset the count."""
        for reason, count in self.without_logprobs.items():
            what = f"{count:,} verdicts without an expected value: the server sent {reason}"
            note(f"{stage}: {what}. Their scores are the numbers that the judge wrote.")
        self.without_logprobs.clear()

    def shown(self, text: str, *nonces: str) -> str:
        """Return an untrusted text as the judge sees it: sanitized, and without the nonces of its fences."""
        return part(self._broken(sanitize(text, self.special)), nonces)

    def _broken(self, text: str) -> str:
        return self.format.broken(text) if self.format else text

    def shown_metadata(self, template: Template, prompt: Prompt, *nonces: str) -> dict[str, Any]:
        """Return the prompt's metadata that the template uses, as the judge sees it; empty if it uses none."""
        return template.with_metadata(prompt.metadata, lambda value: self._shown_value(value, nonces))

    def _shown_value(self, value: Any, nonces: tuple[str, ...]) -> Any:
        if isinstance(value, str):
            return self.shown(value, *nonces)
        if isinstance(value, Mapping):
            return {self.shown(name, *nonces): self._shown_value(item, nonces) for name, item in value.items()}
        return [self._shown_value(item, nonces) for item in value] if isinstance(value, list) else value

    def shown_prompt(self, prompt: Prompt, *nonces: str) -> dict[str, str | None]:
        """Return the prompt's request, document and reference as the judge sees them."""
        texts = {"request": self._request(prompt), "document": prompt.document, "reference": prompt.reference}
        return {
            name: text
            if text is None
            else part(self._broken(text if name == "request" else _prompt_view(text, self.special)), nonces)
            for name, text in texts.items()
        }

    def _request(self, prompt: Prompt) -> str:
        """Return the only turn, or all turns with their roles. No turn can forge another: role marks in texts are broken."""
        if len(prompt.messages) == 1:
            return _prompt_view(_readable(prompt.messages[0]), self.special)
        turns = [[_prompt_view(text, self.special) for text in (turn["role"], _readable(turn))] for turn in prompt.messages]
        return "\n\n".join(f"{role}: {content}" for role, content in turns)
