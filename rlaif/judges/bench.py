"""What a kind of criterion is given: the subject to judge, and the judge's bench of model, template and settings."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from rlaif.config import JudgeSpec
from rlaif.judges.retrieve import Retrieval, Words
from rlaif.models.ask import Model
from rlaif.records import Prompt, answer_key
from rlaif.template import Template


@dataclass(frozen=True)
class Subject:
    """A text as an answer to a prompt."""

    prompt: Prompt
    text: str

    @cached_property
    def answer(self) -> str:
        return answer_key(self.prompt.key, self.text)


@dataclass(frozen=True, slots=True)
class Note:
    """What a judge wrote down once about a prompt, for all its responses, in how many calls; or a failure kind."""

    texts: list[str]
    raw: str = ""
    failure: str | None = None
    detail: str | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


Once = Callable[[Prompt, str, Callable[[], Awaitable[Note]]], Awaitable[Note]]


async def every_time(prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
    """Keeps no notes."""
    return await make()


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a judge works with.

    `templates` are those of the kinds that need their own, by name. `once` gives the note on a prompt for a criterion
    (its key), and has it made where there is none yet; `retrieval` finds what in a document a claim may rest on.
    """

    spec: JudgeSpec
    template: Template
    model: Model | None = None
    allow_code: bool = False
    templates: Mapping[str, Template] = field(default_factory=dict)
    once: Once = every_time
    retrieval: Retrieval = field(default_factory=Words)
