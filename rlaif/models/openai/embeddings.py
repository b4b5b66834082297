"""Get embeddings from any server that speaks the OpenAI API, with the same requests, retries and limits as chats."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from rlaif.models.base import ChatRequest, Completion
from rlaif.models.openai.capabilities import Dialect
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import RequestHead
from rlaif.models.openai.request import REPLY
from rlaif.models.openai.response import malformed, read_object, without_output

# Bytes of the longest vectors, as JSON: twice 8,192 numbers of 25 characters.
VECTOR: Final = 2**19


class OpenAIEmbed(OpenAI):
    """An embedding model. Its completion of a chat is the vectors of the chat's turns, as JSON."""

    def _address(self, head: RequestHead) -> RequestHead:
        return replace(head, url=head.url.replace("/chat/completions", "/embeddings"))

    def _body(self, request: ChatRequest, seeds: tuple[int, ...], dialect: Dialect) -> dict[str, Any]:
        return {"model": self.config.model, "input": [turn["content"] for turn in request.messages]}

    def _most_bytes(self, request: ChatRequest, n: int) -> int:
        return REPLY + len(request.messages) * VECTOR

    def _read(self, data: bytes, n: int) -> dict[int, Completion]:
        return {0: read(data)}


def read(data: bytes) -> Completion:
    """Return the vectors in a reply, in the order of its indexes.

    Raises RequestError: `malformed`, or the kind of the error in it.
    """
    reply = read_object(data)
    listed = reply.get("data")
    entries = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []
    vectors = {entry.get("index"): entry.get("embedding") for entry in entries}
    ordered = [vectors.get(place) for place in range(len(entries))]
    if not ordered or not all(map(_is_vector, ordered)):
        raise malformed("a reply without an embedding of finite numbers for each index", data)
    return without_output(reply, json.dumps(ordered))


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(x) in (int, float) and math.isfinite(x) for x in value)
