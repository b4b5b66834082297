"""Lists and conversations that a column holds as text: JSON, Python literals, and transcripts (Human: … Assistant: …).

What a whole column holds decides, never one value: a prompt may be a list or a dialogue as it stands.
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

# Characters of a list that is parsed: a long conversation. Python literals take far longer than JSON.
LONGEST = 4_000_000
LONGEST_LITERAL = 400_000
# Rows that are looked at to find out what a column holds.
PEEKED = 100
_LOOKS_LISTED = re.compile(r"\s*\[\s*[\"'{].*\]\s*\Z|\s*\[\s*\]\s*\Z", re.DOTALL)
_LOOKS_CHAT = re.compile(r"\s*\[\s*\{\s*[\"'](?:role|content|from|value)[\"']\s*:")
_LOOKS_SAID = re.compile(r"\s*(?:Human|User):.*?\n\n(?:Assistant|Human|User):|\n\nHuman:", re.DOTALL)
_TURN = re.compile(r"\n\n(Human|User|Assistant):[ \t]?")
_ROLES = {"Human": "user", "User": "user", "Assistant": "assistant"}
Form = Literal["list", "transcript"]


def text_columns(source: Source) -> list[str]:
    """The columns of prompts and responses."""
    named = source.columns.responses
    responses = named if isinstance(named, list) else [named]
    sides = [side for each in source.preferences for side in (each.chosen, each.rejected)]
    return list(dict.fromkeys(name for name in [source.columns.prompt, *responses, *sides] if name is not None))


def find_forms(source: Source, rows: Iterable[Mapping[str, Any]]) -> dict[str, Form]:
    """The columns whose every value in these first rows is a list, or a transcript, written as text."""
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
    """The row with what these columns hold as text turned into lists. Raises RowError for what cannot be read."""
    read = {
        column: _unfolded(value, column, forms.get(column))
        for column in columns if isinstance(value := row.get(column), str) and value
    }  # fmt: skip
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
    """Whether a text may be a list of texts or of messages."""
    return bool(_LOOKS_LISTED.match(value))


def parse_list(value: str) -> list[Any] | None:
    """The list that a text holds as JSON or as a Python literal; None if it holds none."""
    value = value.strip()
    if not (value.startswith("[") and value.endswith("]")) or len(value) > LONGEST:
        return None
    try:
        # Not orjson: this parser also takes lone surrogates, and integers of any size as they are.
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = _literal(value)
    return found if isinstance(found, list) else None


def _literal(value: str) -> Any:
    if len(value) > LONGEST_LITERAL or "\0" in value:
        return None
    try:
        # NumPy writes ['a' 'b'], which Python would take for the one string 'ab'.
        kinds = [each.type for each in tokenize.generate_tokens(io.StringIO(value).readline)
                 if each.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT)]  # fmt: skip
        if any(one == other == tokenize.STRING for one, other in pairwise(kinds)):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(value)
    except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError):
        return None


def transcript(value: str, column: str) -> list[dict[str, str]]:
    """The turns of "Human: … Assistant: …". A last turn without text is left out. Raises RowError for another order."""
    start, *parts = _TURN.split("\n\n" + value.strip())
    turns = [{"role": _ROLES[name], "content": said.strip()} for name, said in zip(parts[::2], parts[1::2], strict=True)]
    roles = [turn["role"] for turn in turns]
    if start or roles != (["user", "assistant"] * len(roles))[: len(roles)]:
        raise RowError("a transcript whose turns do not alternate", column, value.strip()[:60])
    return turns[:-1] if turns and not turns[-1]["content"] else turns
