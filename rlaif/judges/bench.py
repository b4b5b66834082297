"""The input of a criterion kind: the subject to judge, and the judge's bench of model, template and settings."""

from collections import Counter
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
    """A prompt and a response to it."""

    prompt: Prompt
    text: str

    @cached_property
    def answer(self) -> str:
        return answer_key(self.prompt.key, self.text)


@dataclass(frozen=True, slots=True)
class Note:
    """What a judge noted once about a prompt, for all its responses, and the number of calls; or a failure kind."""

    texts: list[str]
    raw: str = ""
    failure: str | None = None
    detail: str | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0


Once = Callable[[Prompt, str, Callable[[], Awaitable[Note]]], Awaitable[Note]]


async def every_time(prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
    """Make the note each time, and keep none."""
    return await make()


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that a judge works with.

    `templates` are those of the criterion kinds that have their own, by name. `once` returns the note on a prompt for a
    criterion (its key), and makes it if there is none yet. `retrieval` finds the passages of a document that may support a
    claim. `without_logprobs` counts verdicts whose log-probabilities could not be used although they were requested, by
    reason.
    """

    spec: JudgeSpec
    template: Template
    model: Model | None = None
    allow_code: bool = False
    templates: Mapping[str, Template] = field(default_factory=dict)
    once: Once = every_time
    retrieval: Retrieval = field(default_factory=Words)
    without_logprobs: Counter[str] = field(default_factory=Counter)

    def report(self, stage: str, note: Callable[[str], None]) -> None:
        """Tell the user how many verdicts have no expected value for want of usable log-probabilities, and forget them."""
        for reason, count in self.without_logprobs.items():
            what = f"{count:,} verdicts without an expected value: the server sent {reason}"
            note(f"{stage}: {what}. Their scores are the judge's plain numbers.")
        self.without_logprobs.clear()
