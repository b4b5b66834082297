"""Reads the responses of one row of a source, their scores, and the preferences between them."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from rlaif.config import Source, SourcePreferences, SourceScores
from rlaif.config.sources import code_of
from rlaif.core.tool_calls import text_with_calls
from rlaif.core.types import Message, Prompt
from rlaif.data.sources.messages import ASKING, SHOWN, is_turn, messages_of, text
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.text_forms import parse_list
from rlaif.models.reasoning import separate, visible

Row = Mapping[str, Any]
ELSEWHERE: Final = "answers another conversation"
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", re.ASCII)
_WORDS = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of a row: its text, or the reason (`lost`) why it has none.

    `reasoning` is the model's reasoning before the text, and `whole` the response with it; both are None without reasoning.
    `generator` is the name of the model that wrote it, None if the row does not name it.
    """

    text: str = ""
    lost: str | None = None
    reasoning: str | None = None
    whole: str | None = None
    generator: str | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """A preference between two responses by position, from 0.

    `preferred` is "first", "second" or "tie", and `probability` that of the first, if the source has strengths. If
    `preferred` is None, `lost` says why the vote does not count.
    """

    first: int
    second: int
    preferred: str | None = None
    probability: float | None = None
    lost: str | None = None
    code: str | None = None


def answers_of(row: Row, source: Source, asked: Sequence[Message]) -> list[Answer]:
    """Return the row's responses to its prompt, in order. Raises RowError."""
    named = source.columns.responses
    if named is None:
        return []
    if isinstance(named, list):
        return [answer(row.get(column), asked, column) for column in named]
    values = row.get(named)
    if values is None:
        return []
    if not isinstance(values, list | tuple) or _is_chat(values, named):
        return [answer(values, asked, named)]
    return [answer(value, asked, named) for value in values]


def named(answers: Sequence[Answer], names: Sequence[str | None]) -> list[Answer]:
    """Return the responses with the names of their generators."""
    return [replace(each, generator=name) if name else each for each, name in zip(answers, names, strict=True)]


def generators_of(row: Row, source: Source, count: int) -> list[str | None]:
    """Return the names of the generators of a row's `count` responses, None where it names none. Raises RowError."""
    columns = source.columns.generators
    if columns is None:
        return [None] * count
    if isinstance(columns, list):
        return [generator_name(row.get(column), column) for column in columns]
    value = _listed(row.get(columns))
    if not isinstance(value, list | tuple):
        return [generator_name(value, columns)] * count
    if len(value) != count:
        raise RowError("the number of generators differs from the number of responses", columns, f"{len(value)} for {count}")
    return [generator_name(each, columns) for each in value]


def generator_name(value: Any, column: str) -> str | None:
    """Return the name of a generator; None if it is null or blank. Raises RowError."""
    found = text(value, column)
    return found.strip() if found else None


def _is_chat(values: Sequence[Any], column: str) -> bool:
    """Whether a list is one conversation, as opposed to a list of responses given as assistant messages."""
    if not values or not all(map(is_turn, values)):
        return False
    return any(message["role"] != "assistant" for message in messages_of(values, column))


def answer(value: Any, asked: Sequence[Message], column: str) -> Answer:
    """Return one response: a string, or the last turn of a conversation. Its earlier turns, if any, must be the prompt."""
    if is_turn(value):
        value = [value]
    if isinstance(value, list | tuple):
        if value and all(item is None or isinstance(item, str) for item in value):
            if len(value) > 1:
                raise RowError("several texts instead of one response", column, f"{len(value)} texts")
            return answer(value[0], asked, column)
        *before, last = messages_of(value, column) or [Message(role="assistant", content="")]
        if last["role"] != "assistant":
            return Answer(lost="ends without an answer")
        if before and not _same(before, asked):
            return Answer(lost=ELSEWHERE)
        value = text_with_calls(last["content"], last.get("tool_calls", []))
    found = text(value, column)
    if not found:
        return Answer(lost="empty")
    if is_plain(found):
        return Answer(found)
    parts = separate(found)
    if not parts.closed:
        return Answer(lost="unfinished_reasoning")
    whole = found if parts.reasoning else None
    return Answer(parts.text, None, parts.reasoning, whole) if visible(parts.text) else Answer(lost="empty")


def is_plain(found: str) -> bool:
    """Whether a text is visible without a closer look: it starts with a letter or digit, and has no marks of reasoning."""
    return found[0].isalnum() and found[0].isascii() and not any(mark in found for mark in "<[◁")


def whole_conversation(prompt: Prompt, values: Sequence[Any]) -> Prompt:
    """Return the prompt with the earlier turns of its responses, if its column has only the first or the last user turn.

    All responses must have the same earlier turns; otherwise the prompt stays as it is, and they are dropped and counted.
    """
    given = [value for value in values if isinstance(value, list | tuple) and len(value) > 1 and all(map(is_turn, value))]
    if not given or prompt.messages[-1]["role"] != "user" or sum(each["role"] == "user" for each in prompt.messages) > 1:
        return prompt
    before, *others = [tuple(messages_of(value, "")[:-1]) for value in given]
    turns = [each["content"].split() for each in before if each["role"] == "user"]
    if len(turns) < 2 or before[-1]["role"] not in ASKING or any(other != before for other in others):
        return prompt
    if prompt.request.split() not in (turns[0], turns[-1]):
        return prompt
    system = [each for each in prompt.messages if each["role"] == "system" and before[0]["role"] != "system"]
    start, *rest = [*system, *before]
    if "tools" in prompt.messages[0]:
        start = {**start, "tools": prompt.messages[0]["tools"]}
    return replace(prompt, messages=(start, *rest))


def _same(before: Sequence[Message], asked: Sequence[Message]) -> bool:
    """Whether both are the same turns, ignoring spacing. The prompt's system turns may be omitted."""
    turns, wanted = (
        [(each["role"], each["content"].split(), each.get("tool_calls")) for each in given] for given in (before, asked)
    )
    return turns in (wanted, [turn for turn in wanted if turn[0] != "system"])


def values_of(row: Row, scores: SourceScores, count: int) -> Sequence[Any]:
    """Return the column's value for each of `count` responses; None if the column is null. Raises RowError."""
    value = _listed(row.get(str(scores.column)))
    if value is None:
        return [None] * count
    values = value if isinstance(value, list | tuple) else [value]
    if len(values) != count:
        raise RowError(
            "the number of scores differs from the number of responses", str(scores.column), f"{len(values)} for {count}"
        )
    return values


def value_of(value: Any, scores: SourceScores) -> tuple[float | None, str]:
    """Return the score, or None and what is wrong with it. A malformed score never becomes a number."""
    found = _number(value)
    if found is None:
        return None, "a score that is not a number"
    if not scores.low <= found <= scores.high:
        return None, f"a score outside {scores.low:g} to {scores.high:g}"
    return found, ""


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        word = value.strip().lower()
        return _WORDS[word] if word in _WORDS else float(value) if _NUMBER.fullmatch(value) else None
    if not isinstance(value, bool | int | float | Decimal):
        return None
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return None
    return None if math.isnan(found) else found


def votes_of(row: Row, preferences: SourcePreferences) -> list[Vote]:
    """Return the row's votes on its responses. Raises RowError."""
    column = str(preferences.column)
    value = row.get(column)
    if not isinstance(value, str) or code_of(value) not in preferences.meanings:
        value = _listed(value)
    codes = value if isinstance(value, list | tuple) else [value] * (1 if value is not None else len(preferences.pairs))
    if len(codes) != len(preferences.pairs):
        raise RowError(
            "the number of codes differs from the number of pairs", column, f"{len(codes)} for {len(preferences.pairs)}"
        )
    read = _strength if preferences.scale else _coded
    return [
        read(first - 1, second - 1, code, preferences)
        for (first, second), code in zip(preferences.pairs, codes, strict=True)
    ]


def _coded(first: int, second: int, code: Any, preferences: SourcePreferences) -> Vote:
    if _missing(code):
        return Vote(first, second, lost="missing")
    found = code_of(code)
    preferred = preferences.meanings.get(found)
    return Vote(first, second, preferred, lost=None if preferred else "unknown code", code=found)


def _strength(first: int, second: int, value: Any, preferences: SourcePreferences) -> Vote:
    """Return a vote from a number between the two ends of a scale, whose middle is a tie."""
    assert preferences.scale
    if _missing(value):
        return Vote(first, second, lost="missing")
    found, (best, worst) = _number(value), preferences.scale
    code = str(value)[:SHOWN]
    if found is None:
        return Vote(first, second, lost="a strength that is not a number", code=code)
    if not min(best, worst) <= found <= max(best, worst):
        return Vote(first, second, lost=f"a strength outside {best:g} to {worst:g}", code=code)
    probability = round((found - worst) / (best - worst), 6)
    preferred = "first" if probability > 0.5 else "second" if probability < 0.5 else "tie"
    return Vote(first, second, preferred, probability, code=code)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | Decimal) and math.isnan(value))


def _listed(value: Any) -> Any:
    """Parse a list that is written as text, as in CSV; return other values unchanged."""
    found = parse_list(value) if isinstance(value, str) else None
    return value if found is None else found
