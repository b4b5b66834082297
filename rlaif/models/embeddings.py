"""Compute embeddings of texts with an open model that answers the turns of a chat with their vectors, as JSON."""

import json
from collections.abc import Sequence
from typing import Final

from rlaif.core.errors import ModelError
from rlaif.core.types import Message
from rlaif.models.base import ChatRequest, Model, Sampling, prompt_cut

# Texts per request: with a hundred words each, they stay within the limits of servers.
AT_ONCE: Final = 64


async def embed(model: Model, texts: Sequence[str]) -> list[list[float]]:
    """Return one vector per text, all of the same length. Raises ModelError."""
    found: list[list[float]] = []
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        turns: list[Message] = [{"role": "user", "content": text} for text in part]
        (reply,) = await model.complete(ChatRequest(turns, Sampling(max_tokens=1)))
        if reply.finish == "refused":
            raise ModelError("refused", "the server does not embed these texts")
        if reply.finish == "prompt_cut":
            raise ModelError("prompt_cut", prompt_cut(reply))
        found += json.loads(reply.text)
        if len(found) != start + len(part) or len({len(vector) for vector in found}) > 1:
            raise ModelError("malformed", "not one embedding for each text, all of one length")
    return found
