"""Use a served reward model through vLLM's `/classify`, with the same requests, retries and limits as any server.

The server renders the chat with the model's chat template and returns the logit of the class, which is the reward.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from rlaif.models.base import ChatRequest, Completion
from rlaif.models.openai.capabilities import Dialect
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import RequestHead
from rlaif.models.openai.errors import RequestError
from rlaif.models.openai.response import malformed, read_object, without_output

# The endpoint is next to the OpenAI-compatible API, not part of it.
CHATS: Final = ("/v1/chat/completions", "/chat/completions")


class OpenAIReward(OpenAI):
    """A reward model on a server: its completion of a chat is the reward of the last turn, as a number."""

    def _address(self, head: RequestHead) -> RequestHead:
        for ending in CHATS:
            if head.url.endswith(ending):
                return replace(head, url=head.url.removesuffix(ending) + "/classify")
        return head

    def _body(self, request: ChatRequest, seeds: tuple[int, ...], dialect: Dialect) -> dict[str, Any]:
        return {"model": self.config.model, "messages": list(request.messages), "use_activation": False} | self.config.extra

    def _read(self, data: bytes, n: int) -> dict[int, Completion]:
        return {0: read(data)}


def read(data: bytes) -> Completion:
    """Return the reward in a reply.

    Raises RequestError: `malformed`, `rejected` for a classifier with several classes, or the kind of the reported error.
    """
    reply = read_object(data)
    listed = reply.get("data")
    found = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
    scores = found.get("probs") if isinstance(found, Mapping) else None
    if not isinstance(scores, list) or not scores:
        raise malformed("a reply without a score", data)
    if len(scores) > 1:
        raise RequestError("rejected", f"the model has {len(scores)} classes, and a reward model has one")
    if not isinstance(scores[0], int | float) or isinstance(scores[0], bool) or not math.isfinite(scores[0]):
        raise malformed("a reply without a finite score", data)
    return without_output(reply, repr(float(scores[0])))
