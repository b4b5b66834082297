"""Reads the prompt of one row of a source: text, chat messages and document, as cleaned strings."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from rlaif.config import Columns
from rlaif.core.types import CHECKLIST, Message, Prompt, clean
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
}
# The keys of a turn in OpenAI's API and in ShareGPT.
TURNS = (("role", "content"), ("from", "value"))
TEXT_PARTS = ("text", "input_text", "output_text")


def prompt_of(row: Mapping[str, Any], columns: Columns) -> Prompt | None:
    """Return the row's prompt; None if it is null, blank, or has no user turn. Raises RowError."""
    messages = _messages(row.get(columns.prompt), columns.prompt)
    if not messages:
        return None
    return Prompt(
        messages,
        document=_document(row.get(columns.document), columns.document) if columns.document else None,
        reference=text(row.get(columns.reference), columns.reference) if columns.reference else None,
        checklist=_checklist(row.get(columns.checklist), columns.checklist) if columns.checklist else (),
    )


def metadata_of(row: Mapping[str, Any], columns: Columns) -> str:
    """Return the row's metadata as a JSON object. Values that JSON lacks become strings."""
    if not columns.metadata:
        return "{}"
    try:
        return orjson.dumps({name: _plain(row.get(name)) for name in columns.metadata}).decode()
    except (orjson.JSONEncodeError, RecursionError):
        raise RowError("metadata that is nested too deeply") from None


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
    return [{"role": _role(turn, column), "content": _content(turn, column)} for turn in value]


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


def _messages(value: Any, column: str) -> tuple[Message, ...]:
    if is_turn(value):
        value = [value]
    if not isinstance(value, list | tuple):
        content = text(value, column)
        return ({"role": "user", "content": content},) if content else ()
    if value and all(isinstance(turn, str) for turn in value):
        if len(value) > 1:
            raise RowError("several user turns without the answers between them", column, bad=False)
        return _messages(value[0], column)
    # Turns after the last user turn are responses, not part of the prompt.
    turns, roles = list(value), [_role(turn, column) for turn in value]
    while turns and (roles[len(turns) - 1] != "user" or not _content(turns[-1], column).strip()):
        turns.pop()
    return tuple(messages_of(turns, column))


def _document(value: Any, column: str) -> str | None:
    if not isinstance(value, list | tuple):
        return text(value, column)
    passages = ["\n".join(_lines(passage, column)) for passage in value]
    return "\n\n".join(passage for passage in passages if passage) or None


def _checklist(value: Any, column: str) -> tuple[str, ...]:
    """Return items as "weight: text", each on one line; empty if the value is null."""
    if value is not None and not isinstance(value, list | tuple):
        raise RowError(f"{kind_of(value)} instead of a list of items", column, str(value)[:SHOWN])
    return tuple(_item(item, column) for item in value or ())


def _item(item: Any, column: str) -> str:
    given: Mapping[str, Any] = item if isinstance(item, Mapping) else {"text": item}
    content, weight = given.get("text", given.get("item")), given.get("weight", "essential")
    if not isinstance(content, str) or not content.strip() or not isinstance(weight, str) or weight.lower() not in CHECKLIST:
        raise RowError("a checklist item without a text and a known weight", column, str(item)[:SHOWN])
    return f"{weight.lower()}: {clean(' '.join(content.split()))}"


def _lines(value: Any, column: str) -> list[str]:
    if isinstance(value, list | tuple):
        return [line for item in value for line in _lines(item, column)]
    line = text(value, column)
    return [line] if line else []


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= LARGEST_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return clean(str(value))
