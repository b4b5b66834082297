"""Check what a server returned against the request."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import orjson

from rlaif.config import OpenAIModel
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.prompt_size import was_cut

# A server counts as enforcing schemas if, over at least this many replies, fewer than one in this number is anything but the
# bare object. An unconstrained model writes a code fence or a sentence more often.
HELD: Final = 20
# The observation for a finish reason that rlaif does not know.
UNKNOWN_FINISH: Final = "unknown finish_reason"
# The observation, and its values, for prompt tokens that a server read from its prompt cache or added to it.
CACHE, READ, WRITTEN = "prompt cache", "tokens read", "tokens written"
# The observation for a request that was sent again; its value is the kind of failure.
RETRY: Final = "retried after"


class Inspector:
    """Inspects the completions of one model's requests, and learns whether its servers hold replies to JSON schemas."""

    def __init__(self, config: OpenAIModel) -> None:
        self._schemas = config.structured == "json_schema"
        self._bare = self._others = 0

    @property
    def held(self) -> bool:
        """Return whether the replies so far show that the servers enforce the schema."""
        return self._bare >= HELD * (self._others + 1)

    def inspect(self, request: ChatRequest, found: Mapping[int, Completion]) -> dict[int, Completion]:
        """Return the completions, marked where the prompt was cut or the schema is known to be enforced."""
        held = self._schemas and request.schema is not None and self.held
        inspected = {}
        # Completions of one reply share its count of prompt tokens.
        cut = {read: was_cut(request.messages, read) for read in {each.prompt_read for each in found.values()}}
        for index, completion in found.items():
            if cut[completion.prompt_read]:
                completion = replace(completion, finish="prompt_cut")
            elif held:
                completion = replace(completion, held=True)
            inspected[index] = completion
            if self._schemas and request.schema is not None and completion.finish == "stop":
                bare = _is_object(completion.text)
                self._bare, self._others = self._bare + bare, self._others + (not bare)
        return inspected


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def cache_use(found: Mapping[int, Completion]) -> dict[tuple[str, str], int]:
    """Return the number of prompt tokens that the server read from its prompt cache and added to it, as observations."""
    read, written = (sum(getattr(each, name) for each in found.values()) for name in ("cache_read", "cache_written"))
    return {(CACHE, value): tokens for value, tokens in ((READ, read), (WRITTEN, written)) if tokens}


def observations(found: Mapping[int, Completion]) -> Iterator[tuple[str, str]]:
    """Yield what is worth recording about the server, as name and value."""
    for completion in found.values():
        if completion.finish_reason is not None:
            yield UNKNOWN_FINISH, completion.finish_reason
