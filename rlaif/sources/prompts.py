"""What one row of a source says of its prompt: text, chat messages, document, as plain cleaned strings."""

import math
from collections.abc import Mapping
from typing import Any

import orjson

from rlaif.config import Columns
from rlaif.errors import InputError
from rlaif.records import CHECKLIST, Message, Prompt, clean

# Within what JSON readers agree on; a larger integer is carried as its digits.
LARGEST_INTEGER = 2**63 - 1
# Enough of an item to find it.
SHOWN = 60


def prompt_of(row: Mapping[str, Any], columns: Columns, at: str) -> Prompt | None:
    """The row's prompt, or None if it has none: null, blank, or messages without a user turn."""
    messages = _messages(row.get(columns.prompt), columns.prompt, at)
    if not messages:
        return None
    return Prompt(
        messages,
        document=_document(row.get(columns.document), columns.document, at) if columns.document else None,
        reference=text(row.get(columns.reference), columns.reference, at) if columns.reference else None,
        checklist=_checklist(row.get(columns.checklist), columns.checklist, at) if columns.checklist else (),
    )


def metadata_of(row: Mapping[str, Any], columns: Columns) -> str:
    """The row's metadata as a JSON object. What JSON does not know becomes its text."""
    if not columns.metadata:
        return "{}"
    return orjson.dumps({name: _plain(row.get(name)) for name in columns.metadata}).decode()


def text(value: Any, column: str, at: str) -> str | None:
    """A string, cleaned; None where it is null or blank."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError(f"column {column!r} must hold text, not {type(value).__name__}", where=at)
    return clean(value) if value and not value.isspace() else None


def messages_of(value: Any, column: str, at: str) -> list[Message]:
    """A list of chat messages: objects with `role` and `content`, both strings."""
    messages: list[Message] = []
    for turn in value:
        if not isinstance(turn, Mapping) or not all(isinstance(turn.get(name), str) for name in Message.__annotations__):
            raise InputError(
                f"column {column!r} holds a list that is no chat", where=at,
                fix="Each message is an object with the strings `role` and `content`.",
            )  # fmt: skip
        messages.append({"role": clean(turn["role"]), "content": clean(turn["content"])})
    return messages


def _messages(value: Any, column: str, at: str) -> tuple[Message, ...]:
    if not isinstance(value, list | tuple):
        content = text(value, column, at)
        return ({"role": "user", "content": content},) if content else ()
    messages = messages_of(value, column, at)
    # What follows the last user turn is an answer, not part of the prompt.
    while messages and (messages[-1]["role"] != "user" or not messages[-1]["content"].strip()):
        messages.pop()
    return tuple(messages)


def _document(value: Any, column: str, at: str) -> str | None:
    if not isinstance(value, list | tuple):
        return text(value, column, at)
    passages = ["\n".join(_lines(passage, column, at)) for passage in value]
    return "\n\n".join(passage for passage in passages if passage) or None


def _checklist(value: Any, column: str, at: str) -> tuple[str, ...]:
    """Items as "weight: text", each a line; none where it is null."""
    if value is not None and not isinstance(value, list | tuple):
        raise InputError(f"column {column!r} must hold a list of items, not {type(value).__name__}", where=at)
    return tuple(_item(item, column, at) for item in value or ())


def _item(item: Any, column: str, at: str) -> str:
    given: Mapping[str, Any] = item if isinstance(item, Mapping) else {"text": item}
    said, weight = given.get("text", given.get("item")), given.get("weight", "essential")
    if not isinstance(said, str) or not said.strip() or not isinstance(weight, str) or weight.lower() not in CHECKLIST:
        raise InputError(
            f"column {column!r} holds an item that is none: {str(item)[:SHOWN]!r}", where=at,
            fix=f"Each is an object with `text` and `weight`; a weight is {', '.join(CHECKLIST)}.",
        )  # fmt: skip
    return f"{weight.lower()}: {clean(' '.join(said.split()))}"


def _lines(value: Any, column: str, at: str) -> list[str]:
    if isinstance(value, list | tuple):
        return [line for item in value for line in _lines(item, column, at)]
    line = text(value, column, at)
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
