"""The seam to language models: what is asked, what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from rlaif.records import Message


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. `temperature` 0 is greedy; `max_tokens` bounds one completion."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: `n` completions of a chat, optionally held to a JSON schema, optionally with log-probabilities.

    `seeds` has one entry a completion, so that a sample can be drawn again alone; servers that take a single seed get
    the first. `top_logprobs` is how many alternatives each token reports; None asks for no log-probabilities.
    `about` is the long text that it shares with others, such as the document: they go to one server, which has read it.
    An ask that `follows` goes on with a unit of which a part is paid for: it goes before what is new, also into a stop.
    """

    messages: Sequence[Message]
    sampling: Sampling = Sampling()
    seeds: tuple[int, ...] = (0,)
    schema: Mapping[str, Any] | None = None
    top_logprobs: int | None = None
    about: str = ""
    follows: bool = False

    @property
    def n(self) -> int:
        return len(self.seeds)


@dataclass(frozen=True, slots=True)
class Token:
    """One output token: its text, its log-probability, and the likeliest alternatives at its place, itself included."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer. `finish` is "stop", "length" or "refused"; token counts are None where the server gave none.

    `prompt_tokens` is what this completion cost: with n > 1, the shared prompt counts once, on the first. `served` is
    the name under which a server says that it answered.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    tokens: tuple[Token, ...] = ()
    served: str | None = None

    @property
    def logprob(self) -> float | None:
        """The sum of the tokens' log-probabilities, where they were asked for."""
        return sum(token.logprob for token in self.tokens) if self.tokens else None


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What a model makes of a given answer: the ids of its tokens, and the natural logarithm of each one's probability."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


class Model(Protocol):
    """A language model, opened: `async with open_model(...) as model`.

    `complete` gives one completion per seed, in order, or raises ModelError, with those that it `found` nevertheless.
    `concurrency` is how many asks it wants in flight at once.
    """

    concurrency: int

    async def complete(self, ask: Ask) -> list[Completion]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
