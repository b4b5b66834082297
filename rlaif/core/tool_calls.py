"""Converts stored prompts and responses with tool calls into the messages that chat templates and trainers read.

The store keeps a response as text, with each call as a JSON object between <tool_call> tags, as Hermes and Qwen write it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rlaif.core.types import Message, clean

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def template_input(messages: Sequence[Message]) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """Return the messages and the tools as a chat template takes them: tools apart, and arguments of calls as objects.

    The tools are None if the prompt offers none.
    """
    return [_turn(message) for message in messages], tools_of(messages)


def tools_of(messages: Sequence[Message]) -> list[Any] | None:
    """Return the tools that a prompt offers, or None. They are in its first turn, which a system prompt may precede."""
    return next((message["tools"] for message in messages if message.get("tools")), None)


def offers_tools(messages: Sequence[Message]) -> bool:
    """Whether a response to these messages may call a tool: they offer tools, or an earlier turn has called one."""
    return any(message.get("tools") or message.get("tool_calls") for message in messages)


def assistant_turn(text: str, prompt: Sequence[Message]) -> dict[str, Any]:
    """Return a response to the prompt as a message.

    If the prompt offers tools and the response ends with valid calls, they become `tool_calls`.
    """
    start = text.find("<tool_call>") if offers_tools(prompt) else -1
    if start < 0 or _CALL.sub("", text[start:]).strip():
        return {"role": "assistant", "content": text}
    found = [_parsed(call) for call in _CALL.findall(text[start:])]
    if None in found:
        return {"role": "assistant", "content": text}
    calls = [{"type": "function", "function": call} for call in found]
    return {"role": "assistant", "content": text[:start].strip(), "tool_calls": calls}


def text_with_calls(content: str, calls: Sequence[Any]) -> str:
    """Return a response with its tool calls as the text that is stored (see above)."""
    blocks = [f"<tool_call>\n{orjson.dumps(_function(call)).decode()}\n</tool_call>" for call in calls]
    return "\n".join([part for part in (content.strip(),) if part] + blocks) if blocks else content


def _function(call: Any) -> Any:
    function = call.get("function", call) if isinstance(call, Mapping) else call
    if not isinstance(function, Mapping):
        return function
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = _json(arguments) if arguments.lstrip()[:1] in ("{", "[") else arguments or None
    return {"name": function.get("name"), "arguments": arguments}


def reply_calls(calls: Any) -> list[Any]:
    """Return the tool calls of a server's reply in OpenAI's form; none if one of them is not a call with a name."""
    found = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            return []
        found.append({"function": {"name": clean(function["name"]), "arguments": _written(function.get("arguments"))}})
    return found


def _written(arguments: Any) -> str:
    return clean(arguments) if isinstance(arguments, str) else json.dumps(arguments)


def _parsed(call: str) -> dict[str, Any] | None:
    value = _json(call)
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        return None
    return {"name": value["name"], "arguments": _object(value.get("arguments"))}


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {name: value for name, value in message.items() if name != "tools"}
    if calls := message.get("tool_calls"):
        turn["tool_calls"] = [_with_objects(call) for call in calls]
    return turn


def _with_objects(call: Any) -> Any:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return call
    return {**call, "function": {**function, "arguments": _object(function.get("arguments"))}}


def _object(arguments: Any) -> Any:
    """Return arguments, which OpenAI's API writes as JSON text, as an object; other texts stay as they are."""
    value = _json(arguments) if isinstance(arguments, str) else arguments
    return {} if value is None else value if isinstance(value, Mapping) else arguments


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
