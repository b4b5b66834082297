"""Reads the chat messages and texts of one row of a source, as cleaned strings, and plain values of its fields."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rlaif.core.types import Message, clean
from rlaif.data.sources.row_errors import RowError

# Larger integers are stored as strings of digits, because JSON readers disagree on them.
LARGEST_INTEGER = 2**63 - 1
# Characters of a value to show in an error.
SHOWN = 60
# Roles of chat templates, and other names that datasets use for them.
ROLES = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "developer": "developer",
    "function": "function",
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "observation": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}
# Roles whose content is a tool call written as JSON.
CALLING = ("function_call", "tool_call")
# The last turn of a prompt has one of these roles; turns after it are responses.
ASKING = ("user", "tool", "function")
# The keys of a turn in OpenAI's API and in ShareGPT.
TURNS = (("role", "content"), ("from", "value"))
TEXT_PARTS = ("text", "input_text", "output_text")


def json_value(value: Any) -> Any:
    """Parse a value written as JSON; return all other values unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value if value != "" else None


def without_null(value: Any) -> Any:
    """Return the value without the null fields that tables add to objects."""
    if isinstance(value, Mapping):
        return {name: without_null(item) for name, item in value.items() if item is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def text(value: Any, column: str) -> str | None:
    """Return a string, cleaned; None if it is null or blank."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise RowError(f"{kind_of(value)} instead of text", column, str(value)[:SHOWN])
    return clean(value) if value and not value.isspace() else None


def kind_of(value: Any) -> str:
    """Describe the type of a value for error messages."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Mapping):
        return "an object"
    return "null" if value is None else "a text" if isinstance(value, str) else type(value).__name__


def messages_of(value: Sequence[Any], column: str) -> list[Message]:
    """Return chat messages from objects with `role` and `content`, or `from` and `value`. Raises RowError."""
    return [_message(turn, column) for turn in value]


def _message(turn: Any, column: str) -> Message:
    role, calls = _role(turn, column), _calls(turn)
    if calls and turn.get(_keys(turn, column)[0]) in CALLING:
        return {"role": role, "content": "", "tool_calls": calls}
    message: Message = {"role": role, "content": "" if calls and _content_is_null(turn) else _content(turn, column)}
    if calls:
        message["tool_calls"] = calls
    if role in ("tool", "function"):
        if isinstance(name := turn.get("name"), str):
            message["name"] = clean(name)
        if isinstance(call := turn.get("tool_call_id"), str):
            message["tool_call_id"] = clean(call)
    return message


def _content_is_null(turn: Any) -> bool:
    return turn.get("content") is None and turn.get("value") is None


def _calls(turn: Any) -> list[Any]:
    """Return the tool calls of a turn, without null fields."""
    calls = json_value(turn.get("tool_calls"))
    if not calls and turn.get("from", turn.get("role")) in CALLING:
        found = json_value(turn.get("value", turn.get("content")))
        calls = [
            {"type": "function", "function": call}
            for call in (found if isinstance(found, list) else [found])
            if isinstance(call, Mapping)
        ]
    return [without_null(plain_value(call)) for call in calls] if isinstance(calls, list | tuple) else []


def is_turn(value: Any) -> bool:
    """Whether a value is an object with the keys of a chat message."""
    return isinstance(value, Mapping) and any(all(key in value for key in keys) for keys in TURNS)


def _keys(turn: Any, column: str) -> tuple[str, str]:
    # Tables have the columns of all layouts, and those of other layouts are null.
    found = [keys for keys in TURNS if isinstance(turn, Mapping) and turn.get(keys[0]) is not None]
    if not found:
        raise RowError("a list item that is not a chat message", column, str(turn)[:SHOWN])
    return found[0]


def _role(turn: Any, column: str) -> str:
    role = turn[_keys(turn, column)[0]]
    known = ROLES.get(role.strip().lower()) if isinstance(role, str) else None
    if known is None:
        raise RowError("an unknown role", column, str(role)[:SHOWN])
    return known


def _content(turn: Mapping[str, Any], column: str) -> str:
    content = turn.get(_keys(turn, column)[1])
    if content is None:
        raise RowError("a message without content", column)
    if isinstance(content, list | tuple):
        return _joined([_part(part, column) for part in content])
    if not isinstance(content, str):
        raise RowError(f"a message whose content is {kind_of(content)}", column, str(content)[:SHOWN])
    return clean(content)


def _part(part: Any, column: str) -> str:
    """Return one part of a message's content, which must be text."""
    if isinstance(part, str):
        return clean(part)
    kind = part.get("type") if isinstance(part, Mapping) else None
    content = part.get("text") if isinstance(part, Mapping) else None
    if kind not in (None, *TEXT_PARTS) or not isinstance(content, str):
        raise RowError("a message with a part that is not text", column, str(kind or kind_of(part))[:SHOWN])
    return clean(content)


def _joined(parts: Sequence[str]) -> str:
    """Concatenate the parts; a line break separates two parts that have no white space between them."""
    whole = ""
    for part in parts:
        apart = whole and part and not whole[-1].isspace() and not part[0].isspace()
        whole += ("\n" if apart else "") + part
    return whole


def conversation(value: Any, column: str) -> tuple[Message, ...]:
    """Return the turns of a prompt up to the last one of the user or a tool; empty if there is none. Raises RowError."""
    if is_turn(value):
        value = [value]
    if not isinstance(value, list | tuple):
        content = text(value, column)
        return ({"role": "user", "content": content},) if content else ()
    if value and all(isinstance(turn, str) for turn in value):
        if len(value) > 1:
            raise RowError("several user turns without the answers between them", column, bad=False)
        return conversation(value[0], column)
    # Turns after the last user turn are responses, not part of the prompt.
    turns, roles = list(value), [_role(turn, column) for turn in value]
    while turns and (roles[len(turns) - 1] not in ASKING or not _content(turns[-1], column).strip()):
        turns.pop()
    return tuple(messages_of(turns, column))


def plain_value(value: Any) -> Any:
    """Return a value as JSON has it: text cleaned, and values that JSON lacks as text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(name)): plain_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return clean(str(value))
