"""What a kind of criterion is given: the subject to judge, and the judge's bench of model, template and settings."""

from dataclasses import dataclass
from functools import cached_property

from rlaif.config import JudgeSpec
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
class Bench:
    """All that a judge works with."""

    spec: JudgeSpec
    template: Template
    model: Model | None = None
    allow_code: bool = False
