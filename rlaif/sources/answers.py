"""What one row of a source says of existing answers: the texts, their scores, and who preferred which."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rlaif.config import Source, SourcePreferences, SourceScores
from rlaif.errors import InputError
from rlaif.models.reasoning import has_text
from rlaif.records import Message
from rlaif.sources.prompts import messages_of, text

Row = Mapping[str, Any]
ELSEWHERE: Final = "answers another conversation"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a row: its text, or the reason why it has none."""

    text: str = ""
    lost: str | None = None


def answers_of(row: Row, source: Source, asked: Sequence[Message], at: str) -> list[Answer]:
    """The row's answers to what it asked, in order."""
    named = source.columns.responses
    if named is None:
        return []
    if isinstance(named, list):
        return [answer(row.get(column), asked, column, at) for column in named]
    values = row.get(named)
    if values is None:
        return []
    return [answer(value, asked, named, at) for value in (values if isinstance(values, list | tuple) else [values])]


def answer(value: Any, asked: Sequence[Message], column: str, at: str) -> Answer:
    """One answer: a string, or the last turn of a conversation, before which may stand what was asked and nothing else."""
    if isinstance(value, list | tuple):
        *before, last = messages_of(value, column, at) or [Message(role="assistant", content="")]
        if last["role"] != "assistant":
            return Answer(lost="ends without an answer")
        if before and not _same(before, asked):
            return Answer(lost=ELSEWHERE)
        value = last["content"]
    found = text(value, column, at)
    return Answer(found) if found and has_text(found) else Answer(lost="empty")


def _same(before: Sequence[Message], asked: Sequence[Message]) -> bool:
    """Whether both are the same turns, whatever their spacing; the prompt's own system turns may be left out."""
    turns, wanted = ([(each["role"], each["content"].split()) for each in given] for given in (before, asked))
    return turns in (wanted, [turn for turn in wanted if turn[0] != "system"])


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
