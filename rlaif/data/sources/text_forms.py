"""Parses lists and conversations written as text: JSON, Python literals, and transcripts (Human: … Assistant: …).

The whole column decides, never a single value, because a prompt may legitimately be a list or a dialogue.
"""

import ast
import io
import json
import re
import tokenize
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from rlaif.config import Source
from rlaif.data.sources.row_errors import RowError

# Maximum characters of a parsed list, enough for a long conversation. Python literals take far longer to parse than JSON.
LONGEST = 4_000_000
LONGEST_LITERAL = 400_000
# Rows used to detect the form of a column.
PEEKED = 100
_LOOKS_LISTED = re.compile(r"\s*\[\s*[\"'{].*\]\s*\Z|\s*\[\s*\]\s*\Z", re.DOTALL)
_LOOKS_CHAT = re.compile(r"\s*\[\s*\{\s*[\"'](?:role|content|from|value)[\"']\s*:")
_LOOKS_SAID = re.compile(r"\s*(?:Human|User):.*?\n\n(?:Assistant|Human|User):|\n\nHuman:", re.DOTALL)
_TURN = re.compile(r"\n\n(Human|User|Assistant):[ \t]?")
_ROLES = {"Human": "user", "User": "user", "Assistant": "assistant"}
Form = Literal["list", "transcript"]


def text_columns(source: Source) -> list[str]:
    """Return the columns of prompts and responses."""
    named = source.columns.responses
    responses = named if isinstance(named, list) else [named]
    sides = [side for each in source.preferences for side in (each.chosen, each.rejected)]
    return list(dict.fromkeys(name for name in [source.columns.prompt, *responses, *sides] if name is not None))


def find_forms(source: Source, rows: Iterable[Mapping[str, Any]]) -> dict[str, Form]:
    """Return the columns whose values in these first rows are all lists, or all transcripts, written as text."""
    rows, found = list(rows), dict[str, Form]()
    for column in text_columns(source):
        values = [value for row in rows if (value := row.get(column)) is not None and value != ""]
        if not values or not all(isinstance(value, str) for value in values):
            continue
        if all(map(_LOOKS_LISTED.match, values)):
            found[column] = "list"
        elif all(map(_LOOKS_SAID.match, values)):
            found[column] = "transcript"
    return found


def unfold(row: Mapping[str, Any], columns: Sequence[str], forms: Mapping[str, Form]) -> Mapping[str, Any]:
    """Return the row with these columns parsed into lists. Raises RowError if a value cannot be parsed."""
    read = {
        column: _unfolded(value, column, forms.get(column))
        for column in columns
        if isinstance(value := row.get(column), str) and value
    }
    return {**row, **read} if read else row


def _unfolded(value: str, column: str, form: Form | None) -> Any:
    if form == "transcript":
        return transcript(value, column)
    if form == "list" or _LOOKS_CHAT.match(value):
        found = parse_list(value)
        if found is None:
            raise RowError("a list written as text that cannot be parsed", column, value[:60])
        return found
    return value


def looks_listed(value: str) -> bool:
    """Whether a text may be a list of texts or messages."""
    return bool(_LOOKS_LISTED.match(value))


def parse_list(value: str) -> list[Any] | None:
    """Parse a list from JSON or a Python literal; return None if the text is neither."""
    value = value.strip()
    if not (value.startswith("[") and value.endswith("]")) or len(value) > LONGEST:
        return None
    try:
        # Not orjson, because this parser also accepts lone surrogates and integers of any size.
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = _literal(value)
    return found if isinstance(found, list) else None


def _literal(value: str) -> Any:
    if len(value) > LONGEST_LITERAL or "\0" in value:
        return None
    try:
        # NumPy writes ['a' 'b'], which Python would read as the single string 'ab'.
        kinds = [
            each.type
            for each in tokenize.generate_tokens(io.StringIO(value).readline)
            if each.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT)
        ]
        if any(one == other == tokenize.STRING for one, other in pairwise(kinds)):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(value)
    except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError):
        return None


def transcript(value: str, column: str) -> list[dict[str, str]]:
    """Parse the turns of "Human: … Assistant: …", without an empty last turn. Raises RowError if turns do not alternate."""
    start, *parts = _TURN.split("\n\n" + value.strip())
    turns = [
        {"role": _ROLES[name], "content": content.strip()} for name, content in zip(parts[::2], parts[1::2], strict=True)
    ]
    roles = [turn["role"] for turn in turns]
    if start or roles != (["user", "assistant"] * len(roles))[: len(roles)]:
        raise RowError("a transcript whose turns do not alternate", column, value.strip()[:60])
    return turns[:-1] if turns and not turns[-1]["content"] else turns
