"""Check what a server returned against the request."""

from collections import Counter
from collections.abc import Mapping
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

    def inspect(self, request: ChatRequest, found: Mapping[int, Completion]) -> None:
        """Mark the completions of one reply if the prompt was cut, or if the schema is known to be enforced."""
        constrained = self._schemas and request.schema is not None
        held = constrained and self.held
        # Completions of one reply share its count of prompt tokens.
        cut = was_cut(request.messages, next((each.prompt_read for each in found.values()), None))
        for completion in found.values():
            if cut:
                completion.finish = "prompt_cut"
            elif held:
                completion.held = True
            if constrained and completion.finish == "stop":
                bare = _is_object(completion.text)
                self._bare, self._others = self._bare + bare, self._others + (not bare)


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def count_observations(found: Mapping[int, Completion], remarks: Counter[tuple[str, str]]) -> None:
    """Add to the remarks what completions show about the server: unknown finish reasons, and use of its prompt cache."""
    for completion in found.values():
        if completion.finish_reason is not None:
            remarks[UNKNOWN_FINISH, completion.finish_reason] += 1
        if completion.cache_read:
            remarks[CACHE, READ] += completion.cache_read
        if completion.cache_written:
            remarks[CACHE, WRITTEN] += completion.cache_written
