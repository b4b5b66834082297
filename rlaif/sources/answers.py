"""What one row of a source says of existing answers: the texts, their scores, and who preferred which."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.config import Source, SourcePreferences, SourceScores
from rlaif.errors import InputError
from rlaif.sources.prompts import messages_of, text

Row = Mapping[str, Any]


def answers_of(row: Row, source: Source, at: str) -> list[str | None]:
    """The row's answers, in order; None stands for one that is null or blank."""
    named = source.columns.responses
    if named is None:
        return []
    if isinstance(named, list):
        return [answer(row.get(column), column, at) for column in named]
    values = row.get(named)
    if values is None:
        return []
    return [answer(value, named, at) for value in (values if isinstance(values, list | tuple) else [values])]


def answer(value: Any, column: str, at: str) -> str | None:
    """One answer: a string, or the last assistant turn of a list of chat messages."""
    if not isinstance(value, list | tuple):
        return text(value, column, at)
    turns = [turn["content"] for turn in messages_of(value, column, at) if turn["role"] == "assistant"]
    return text(turns[-1], column, at) if turns else None


def values_of(row: Row, scores: SourceScores, count: int, at: str) -> Sequence[Any]:
    """What the scores' column says of each of `count` answers; None where it says nothing."""
    value = row.get(scores.column)
    if value is None:
        return [None] * count
    values = value if isinstance(value, list | tuple) else [value]
    if len(values) != count:
        raise InputError(f"column {scores.column!r} has {len(values)} scores for {count} responses", where=at)
    return values


def value_of(said: Any, scores: SourceScores) -> float | None:
    """The score in its range; None for anything else, which is a malformed score and never a number."""
    try:
        value = math.nan if isinstance(said, bool) else float(said)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if scores.low <= value <= scores.high else None


def votes_of(row: Row, preferences: SourcePreferences, at: str) -> list[tuple[int, int, str]]:
    """The row's votes over answers by position, from 0: (first, second, code)."""
    column = str(preferences.column)
    codes = row.get(column)
    if codes is None:
        codes = [None] * len(preferences.pairs)
    codes = codes if isinstance(codes, list | tuple) else [codes]
    if len(codes) != len(preferences.pairs):
        raise InputError(f"column {column!r} has {len(codes)} codes for {len(preferences.pairs)} pairs", where=at)
    pairs = zip(preferences.pairs, codes, strict=True)
    return [(first - 1, second - 1, code_of(code)) for (first, second), code in pairs]


def meanings(preferences: SourcePreferences) -> dict[str, str]:
    """What each code says: "first", "second" or "tie"."""
    return {code_of(getattr(preferences, name)): name for name in ("first", "second", "tie")}


def code_of(value: Any) -> str:
    """One spelling for 1, 1.0 and "1"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
