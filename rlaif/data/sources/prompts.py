"""Reads the prompt of one row of a source: messages, document, reference, checklist and metadata."""

from collections.abc import Mapping
from typing import Any

import orjson

from rlaif.config import Columns
from rlaif.core.types import CHECKLIST, Message, Prompt, clean
from rlaif.data.sources.messages import SHOWN, conversation, json_value, kind_of, plain_value, text, without_null
from rlaif.data.sources.row_errors import RowError


def prompt_of(row: Mapping[str, Any], columns: Columns) -> Prompt | None:
    """Return the row's prompt; None if it is null, blank, or has no user turn. Raises RowError."""
    messages = conversation(row.get(columns.prompt), columns.prompt)
    if columns.input:
        messages = with_input(messages, text(row.get(columns.input), columns.input))
    if not messages:
        return None
    if columns.system:
        messages = with_system(messages, text(row.get(columns.system), columns.system))
    return Prompt(
        with_tools(messages, row.get(columns.tools), columns.tools) if columns.tools else messages,
        document=document_of(row.get(columns.document), columns.document) if columns.document else None,
        reference=text(row.get(columns.reference), columns.reference) if columns.reference else None,
        checklist=_checklist(row.get(columns.checklist), columns.checklist) if columns.checklist else (),
    )


def with_input(messages: tuple[Message, ...], more: str | None) -> tuple[Message, ...]:
    """Return the prompt with a further text after a blank line in its last turn."""
    if not more:
        return messages
    if not messages:
        return ({"role": "user", "content": more},)
    *before, last = messages
    return (*before, {**last, "content": f"{last['content']}\n\n{more}"})


def with_system(messages: tuple[Message, ...], system: str | None) -> tuple[Message, ...]:
    """Return the prompt with a system turn before it, unless it has one."""
    if not system or not messages or messages[0]["role"] in ("system", "developer"):
        return messages
    return ({"role": "system", "content": system}, *messages)


def with_tools(messages: tuple[Message, ...], tools: Any, column: str) -> tuple[Message, ...]:
    """Return the prompt with the schemas of its tools in the first turn. Raises RowError."""
    tools = json_value(tools)
    if not tools or not messages:
        return messages
    if isinstance(tools, Mapping):
        tools = [tools]
    if not isinstance(tools, list | tuple) or not all(isinstance(tool, Mapping) for tool in tools):
        raise RowError("tools that are not a list of objects", column, str(tools)[:SHOWN])
    first, *rest = messages
    return ({**first, "tools": [without_null(plain_value(tool)) for tool in tools]}, *rest)


def metadata_of(row: Mapping[str, Any], columns: Columns) -> str:
    """Return the row's metadata as a JSON object. Values that JSON lacks become strings."""
    if not columns.metadata:
        return "{}"
    try:
        return orjson.dumps({name: plain_value(row.get(name)) for name in columns.metadata}).decode()
    except (orjson.JSONEncodeError, RecursionError):
        raise RowError("metadata that is nested too deeply") from None


def document_of(value: Any, column: str) -> str | None:
    """Return a document given as a text or as a list of passages; None if it is null or blank. Raises RowError."""
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
