"""Reads recorded responses of evaluated models, and finds the prompts of the sources that they answer."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from rlaif.config import RecordedSource
from rlaif.core.errors import InputError
from rlaif.core.types import Prompt, clean
from rlaif.data.sources.dotted import resolve
from rlaif.data.sources.row_errors import RowError

# Usual columns, the most usual first: AlpacaEval, MT-Bench, Arena-Hard, WildBench, and plain files.
IDS = ("question_id", "uid", "session_id", "prompt_id", "id")
PROMPTS = ("instruction", "prompt", "question", "query", "input")
RESPONSES = ("output", "response", "completion", "model_output", "answer", "generation", "choices", "messages")
NO_PROMPT = "no such prompt in the sources"
SEVERAL = "several prompts of the sources fit"


class KnownPrompts:
    """The prompts of the sources by text and by the values of their metadata."""

    def __init__(self) -> None:
        self._texts: dict[str, str | None] = {}
        self._values: dict[tuple[str, str], str | None] = {}
        self._normal: dict[str, str] = {}

    def add(self, prompt: Prompt, metadata: str) -> None:
        """Add a prompt. Of near duplicates, the sources keep the first one."""
        if self._normal.setdefault(prompt.normal_key, prompt.key) != prompt.key:
            return
        _add(self._texts, normal(prompt.request), prompt.key)
        for name, value in orjson.loads(metadata).items():
            if isinstance(value, str | int):
                _add(self._values, (name, str(value)), prompt.key)

    def by_text(self, text: str) -> str:
        """Return the key of the prompt with this text. Raises RowError."""
        return _one(self._texts, normal(text), text)

    def by_value(self, column: str, value: object) -> str:
        """Return the key of the prompt with this value in a column of its metadata. Raises RowError."""
        return _one(self._values, (column, str(value)), f"{column} {value}")

    def keeps(self, column: str) -> bool:
        """Return whether any prompt has this column as metadata."""
        return any(name == column for name, _ in self._values)


def read_recorded(
    row: Mapping[str, Any] | RowError, source: RecordedSource, known: KnownPrompts, where: str
) -> tuple[str, str]:
    """Return the key of the prompt that a row answers, and the response. Raises RowError, and InputError for columns."""
    if isinstance(row, RowError):
        raise row
    response = _column(row, source.response, RESPONSES, "response", where)
    text = first_text(resolve(row, response)[1])
    if text is None:
        raise RowError("no text of a response", response)
    return _prompt(row, source, known, where), clean(text)


def _prompt(row: Mapping[str, Any], source: RecordedSource, known: KnownPrompts, where: str) -> str:
    if source.id:
        column = _column(row, source.id, (), "id", where)
        if not known.keeps(column):
            fix = f"Keep it with the prompts: columns: {{metadata: [{column}]}}."
            raise InputError(f"no prompt of `collect.sources` has the metadata {column!r}", where=where, fix=fix)
        return known.by_value(column, row.get(column))
    usual = next((name for name in IDS if name in row and known.keeps(name)), None)
    if source.prompt is None and usual is not None and not any(name in row for name in PROMPTS):
        return known.by_value(usual, row[usual])
    column = _column(row, source.prompt, PROMPTS, "prompt", where)
    request, more = first_text(row.get(column)), row.get("input") if column == "instruction" else None
    if request is None:
        raise RowError("no text of a prompt", column)
    return known.by_text(f"{request}\n\n{more}" if isinstance(more, str) and more.strip() else request)


def _column(row: Mapping[str, Any], named: str | None, usual: tuple[str, ...], what: str, where: str) -> str:
    """Return the column that is named, or the first usual one that the row has. Raises InputError."""
    if named is not None and (named in row or resolve(row, named)[0]):
        return named
    found = next((name for name in usual if name in row), None) if named is None else None
    if found is None:
        wrong = f"no column {named!r}" if named else f"no column looks like a {what}"
        fix = f"Name it as `{what}`" + (" or `id`." if what == "prompt" else ".")
        raise InputError(f"{wrong} among {', '.join(map(repr, row))}", where=where, fix=fix)
    return found


def first_text(value: Any) -> str | None:
    """Return a text as it is, the first of a list, the model's first turn of a conversation, or what an object holds."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((first_text(value[name]) for name in ("turns", "content", "answer", "text") if name in value), None)
    if isinstance(value, list | tuple) and value:
        turns = [each for each in value if isinstance(each, Mapping) and "role" in each]
        if turns:
            return next((first_text(each) for each in turns if each["role"] == "assistant"), None)
        return first_text(value[0])
    return None


def normal(text: str) -> str:
    """Return a text with every run of spaces as one."""
    return re.sub(r"\s+", " ", text).strip()


def _add(known: dict[Any, str | None], name: Any, key: str) -> None:
    known[name] = key if known.get(name, key) == key else None


def _one(known: Mapping[Any, str | None], name: Any, shown: str) -> str:
    found = known.get(name)
    if found is None:
        raise RowError(SEVERAL if name in known else NO_PROMPT, detail=shown[:60], bad=False)
    return found
