"""The interface to language models: requests and completions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from rlaif.core.types import Message


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling settings. `temperature` 0 is greedy decoding; `max_tokens` bounds one completion.

    A temperature of None leaves the choice to the server. If `chosen` is False, the user did not choose the temperature, and
    it is left out for servers that refuse it.
    """

    temperature: float | None = 1.0
    top_p: float = 1.0
    max_tokens: int = 1024
    chosen: bool = True


@dataclass(slots=True)
class ChatRequest:
    """One request: `n` completions of a chat, optionally with a JSON schema for the reply and with log-probabilities.

    `seeds` has one entry per completion, so that each sample can be drawn again alone; servers that take a single seed get
    the first. `top_logprobs` is the number of alternatives reported for each token; with 0, the log-probabilities are left
    out for servers that refuse them, and None requests none.
    `about` is the long text that several requests share, such as the document: such requests go to the same server, which
    has the prefix cached. A request that `follows` continues a unit of work that is partly paid for: it is sent before new
    work, even while the run is stopping. `replies` are the replies that a format other than JSON allows, for the scripted
    model; `{text}` in them stands for free text.
    """

    messages: Sequence[Message]
    sampling: Sampling = Sampling()
    seeds: tuple[int, ...] = (0,)
    schema: Mapping[str, Any] | None = None
    top_logprobs: int | None = None
    about: str = ""
    follows: bool = False
    replies: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return len(self.seeds)


@dataclass(frozen=True, slots=True)
class Token:
    """One output token: its text, its log-probability, and the likeliest alternatives at its position, itself included.

    `data` are its bytes in UTF-8, if the server sent them: a token may be part of a character, which `text` cannot show.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    data: bytes | None = None


@dataclass(slots=True)
class Completion:
    """One completion.

    `finish` is "stop" if the text is known to be whole, "length" if it was cut off, "refused", "prompt_cut" if the server
    cut the prompt, or "unknown" if the server gave a `finish_reason` that rlaif does not know. Token counts are None if the
    server gave none; with n > 1, the shared prompt counts once, on the first completion. `served` is the model's name in the
    server's reply, `reasoning` what the server returned apart from the text. `prompt_read` is the number of prompt tokens
    that the server read at most, those in its cache included. `held` says that the server is known to hold replies to the
    request's JSON schema. Of the prompt tokens, `cache_read` came from the server's prompt cache, and `cache_written` were
    added to it.
    """

    text: str
    finish: str = "stop"
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    tokens: tuple[Token, ...] = ()
    served: str | None = None
    reasoning: str | None = None
    finish_reason: str | None = None
    prompt_read: int | None = None
    held: bool = False
    cache_read: int = 0
    cache_written: int = 0

    @property
    def logprob(self) -> float | None:
        """The sum of the tokens' log-probabilities, if they were requested."""
        return sum(token.logprob for token in self.tokens) if self.tokens else None


def prompt_cut(completion: Completion) -> str:
    """Return the message for users about a completion whose prompt the server cut."""
    return (
        f"the server cut the prompt: it read at most {completion.prompt_read:,} tokens of it. "
        "Raise the server's context length (Ollama: num_ctx) or shorten the documents."
    )


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A model's token ids for a given answer, and the natural logarithm of each token's probability."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


class Model(Protocol):
    """An open language model: `async with open_model(...) as model`.

    `complete` returns one completion per seed, in order, or raises ModelError, which carries in `found` the completions that
    did arrive. `concurrency` is the number of requests that should be in flight at once.
    """

    concurrency: int

    async def complete(self, request: ChatRequest) -> list[Completion]: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class AlwaysOpen:
    """The base of models with nothing to open or close, such as those that wrap another model, which its owner closes."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""
