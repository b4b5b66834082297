"""Build the body of a Messages API request, with pure functions.

A temperature that the user did not choose is never sent: current models refuse sampling parameters.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from rlaif.config import AnthropicModel
from rlaif.core.tool_calls import tools_of
from rlaif.core.types import Message
from rlaif.models.base import ChatRequest

# The number of characters below which no model caches a prefix: 1,024 tokens of English.
SHORTEST_CACHED: Final = 4000
# The last characters of a document, by which it is found in a prompt: a judge's view may differ elsewhere.
TAIL: Final = 80
# Marks the end of a prefix that the server caches for five minutes.
CACHED: Final = {"cache_control": {"type": "ephemeral"}}
_SYSTEM: Final = frozenset({"system", "developer"})

Block = dict[str, Any]


def body(config: AnthropicModel, request: ChatRequest) -> dict[str, Any]:
    """Return the request body for one completion."""
    sampling = request.sampling
    payload: dict[str, Any] = {
        "model": config.model,
        "max_tokens": sampling.max_tokens,
        "messages": _messages(request.messages, request.about if is_shared(config, request) else ""),
    }
    if system := "\n\n".join(turn["content"] for turn in request.messages if turn["role"] in _SYSTEM):
        payload["system"] = system
    if sampling.temperature is not None and sampling.chosen:
        payload["temperature"] = sampling.temperature
    if sampling.top_p < 1:
        payload["top_p"] = sampling.top_p
    if tools := tools_of(request.messages):
        payload["tools"] = [_tool(each) for each in tools]
    payload |= config.extra
    if request.schema is not None and config.structured == "json_schema":
        from anthropic import transform_schema

        # Constraints that the API does not know, such as ranges of numbers, become descriptions.
        form = {"type": "json_schema", "schema": transform_schema(dict(request.schema))}
        payload["output_config"] = {**payload.get("output_config", {}), "format": form}
    return payload


def is_shared(config: AnthropicModel, request: ChatRequest) -> bool:
    """Return whether several requests show one document that is long enough for the cache.

    The samples of a prompt share it, and so do the verdicts on a prompt's responses.
    """
    several = request.n > 1 or request.schema is not None
    if not (config.prompt_caching and several and len(request.about) >= SHORTEST_CACHED):
        return False
    return any(_tail(request.about) in turn["content"] for turn in request.messages if turn["role"] not in _SYSTEM)


def _tail(document: str) -> str:
    return document.rstrip()[-TAIL:]


def _messages(messages: Sequence[Message], shared: str) -> list[Block]:
    """Return the turns without the system prompt. The prefix up to the end of the text `shared` is marked for the cache."""
    turns: list[Block] = []
    for turn in messages:
        if turn["role"] in _SYSTEM:
            continue
        content = _content(turn)
        if shared and isinstance(content, str):
            content = _split(content, shared)
            shared = "" if isinstance(content, list) else shared
        turns.append({"role": "user" if turn["role"] == "tool" else turn["role"], "content": content})
    return turns


def _split(content: str, shared: str) -> str | list[Block]:
    """Return a text as two blocks, of which the first ends with the text `shared`; as it is if it does not have it."""
    tail = _tail(shared)
    at = content.find(tail)
    if at < 0:
        return content
    end = at + len(tail)
    rest = [{"type": "text", "text": content[end:]}] if content[end:].strip() else []
    return [{"type": "text", "text": content[:end], **CACHED}, *rest]


def _content(turn: Message) -> str | list[Block]:
    if turn["role"] == "tool":
        return [{"type": "tool_result", "tool_use_id": turn.get("tool_call_id", ""), "content": turn["content"]}]
    calls = turn.get("tool_calls")
    if not calls:
        return turn["content"]
    text = [{"type": "text", "text": turn["content"]}] if turn["content"].strip() else []
    return [*text, *(_call(call) for call in calls)]


def _call(call: Mapping[str, Any]) -> Block:
    function = call.get("function") or call
    given = function.get("arguments")
    with suppress(ValueError):  # A call that is not JSON is shown to the model as it is.
        given = json.loads(given) if isinstance(given, str) else given
    arguments = given if isinstance(given, dict) else {"arguments": given} if given else {}
    return {"type": "tool_use", "id": call.get("id", ""), "name": function.get("name", ""), "input": arguments}


def _tool(tool: Mapping[str, Any]) -> Block:
    function = tool.get("function") or tool
    described = {"description": function["description"]} if function.get("description") else {}
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return {"name": function.get("name", ""), **described, "input_schema": schema}
