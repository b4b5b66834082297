"""Reads the rows that a layout or a query returns. Every value is checked here, whatever SQL returned it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from rlaif.config import SourceScores
from rlaif.core.types import Prompt, clean
from rlaif.data.sources.messages import conversation, kind_of, plain_value, text
from rlaif.data.sources.prompts import document_of, with_system, with_tools
from rlaif.data.sources.responses import Answer, Vote, answer, named
from rlaif.data.sources.row_errors import RowError

SHOWN: Final = 60


@dataclass(frozen=True)
class Shape:
    """The facts of one row. Positions count from 0."""

    prompt: Prompt
    metadata: str
    answers: Sequence[Answer]
    # The verdicts: the position of the response, the judge, and its scores by one or several criteria.
    scored: Sequence[tuple[int, str, Sequence[tuple[SourceScores, Any]]]]
    votes: Sequence[tuple[str, Vote]]


def shape_of(row: Mapping[str, Any]) -> Shape | None:
    """Return the facts of a row; None if it has no prompt. Raises RowError."""
    messages = with_system(conversation(row.get("prompt"), "prompt"), text(row.get("system"), "system"))
    if not messages:
        return None
    messages = with_tools(messages, row.get("tools"), "tools")
    prompt = Prompt(
        messages,
        document=document_of(row.get("document"), "document"),
        reference=text(row.get("reference"), "reference"),
    )
    answers = [answer(value, messages, "responses") for value in _list(row, "responses")]
    generators = _generators(row, len(answers))
    return Shape(
        prompt,
        _metadata(row.get("metadata"), generators),
        named(answers, generators),
        _scored(_list(row, "scores"), len(answers)),
        [_vote(each, len(answers)) for each in _list(row, "preferences")],
    )


def _list(row: Mapping[str, Any], column: str) -> list[Any]:
    value = row.get(column)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowError(f"{kind_of(value)} instead of a list", column, str(value)[:SHOWN])
    return value


def _metadata(value: Any, generators: Sequence[str | None]) -> str:
    """Return the metadata as a JSON object; `generators` holds the names of the models, in the order of the responses."""
    value = {} if value is None else value
    if not isinstance(value, Mapping):
        raise RowError(f"{kind_of(value)} instead of an object", "metadata", str(value)[:SHOWN])
    named = {"generators": generators} if any(generators) else {}
    kept = {name: item for name, item in value.items() if item is not None}
    return orjson.dumps(plain_value({**kept, **named})).decode()


def _generators(row: Mapping[str, Any], count: int) -> list[str | None]:
    names = _list(row, "generators")
    if not names:
        return [None] * count
    if len(names) != count:
        raise RowError("the number of generators differs from the number of responses", detail=f"{len(names)} for {count}")
    if not all(name is None or isinstance(name, str) for name in names):
        raise RowError("a generator that is not text", "generators", str(names)[:SHOWN])
    return [clean(name.strip()) or None if name else None for name in names]


def _scored(scores: Sequence[Any], count: int) -> list[tuple[int, str, list[tuple[SourceScores, Any]]]]:
    """Group the scores into verdicts: those of one judge on one response. A repeated criterion starts another verdict."""
    verdicts: dict[tuple[int, str, int], list[tuple[SourceScores, Any]]] = {}
    seen: dict[tuple[int, str, str], int] = {}
    for each in scores:
        place = _position(each, "response", "scores", count)
        judge, criterion = _name(each, "judge", "scores"), _name(each, "criterion", "scores")
        repeat = seen.get((place, judge, criterion), 0)
        seen[place, judge, criterion] = repeat + 1
        low, high, value = each.get("low"), each.get("high"), each.get("value")
        if not _is_number(low) or not _is_number(high) or low >= high:
            raise RowError("a score whose `low` is not below its `high`", "scores", f"{low} and {high}")
        verdicts.setdefault((place, judge, repeat), []).append((_scores(judge, criterion, float(low), float(high)), value))
    return [(place, judge, given) for (place, judge, _), given in verdicts.items()]


@lru_cache(maxsize=1024)
def _scores(judge: str, criterion: str, low: float, high: float) -> SourceScores:
    return SourceScores(judge=judge, criterion=criterion, column=criterion, low=low, high=high)


def _vote(given: Any, count: int) -> tuple[str, Vote]:
    """Return a preference as a vote on the responses in the order of the data, a recorded comparison in the order shown."""
    first, second = (_position(given, name, "preferences", count) for name in ("first", "second"))
    judge, strength, tie = _name(given, "judge", "preferences"), given.get("strength"), given.get("tie")
    if first == second:
        raise RowError("a preference between a response and itself", "preferences", str(first + 1))
    if tie is None:
        return judge, Vote(first, second, lost="missing")
    if not isinstance(tie, bool):
        raise RowError("a tie that is neither true nor false", "preferences", str(tie)[:SHOWN])
    if (preferred := given.get("preferred")) is not None:
        if preferred not in ("first", "second", "tie"):
            raise RowError("a verdict that is not first, second or tie", "preferences", str(preferred)[:SHOWN])
        return judge, Vote(first, second, preferred)
    if strength is not None and (not _is_number(strength) or not 0 <= strength <= 1):
        raise RowError("a strength that is not from 0 to 1", "preferences", str(strength)[:SHOWN])
    if (tie and strength) or (strength == 0 and not tie):
        raise RowError("a tie with a strength, or a preference without one", "preferences", str(strength))
    ordered = first < second
    lead = None if strength is None else round(0.5 + (strength if ordered else -strength) / 2, 6)
    preferred = "tie" if tie else "first" if ordered else "second"
    return judge, Vote(min(first, second), max(first, second), preferred, lead)


def _position(given: Any, name: str, column: str, count: int) -> int:
    """Return a position, which counts from 1 in SQL, counted from 0."""
    place = given.get(name) if isinstance(given, Mapping) else None
    if not isinstance(place, int) or isinstance(place, bool) or not 1 <= place <= count:
        raise RowError(f"a `{name}` that is not the position of a response", column, str(place)[:SHOWN])
    return place - 1


def _name(given: Mapping[str, Any], name: str, column: str) -> str:
    value = given.get(name)
    found = _trimmed(value) if isinstance(value, str) else ""
    if not found:
        raise RowError(f"no `{name}`", column, str(value)[:SHOWN])
    return found


@lru_cache(maxsize=1024)
def _trimmed(name: str) -> str:
    return clean(name.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
