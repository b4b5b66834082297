"""Reads a judge's reply, purely and strictly: exact names, each once, whole numbers in range, or a failure.

A value is never clamped, rounded or guessed, because a wrong number makes a wrong label and nobody would see it.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.errors import ModelError
from rlaif.models.ask import Token
from rlaif.records import clean

Path = tuple[str, ...]
Span = tuple[int, int]

# A verdict is two levels deep; this only keeps hostile nesting from exhausting the stack.
_MAX_DEPTH = 8
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
# Strict: a line break inside a string is a mistake.
_STRINGS = json.JSONDecoder(strict=True)
_SPACE = re.compile(r"[ \t\n\r]*")
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```", re.DOTALL)
_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mark:
    """One criterion's mark as the judge wrote it; `span` is where its number stands in the reply."""

    value: int
    rationale: str | None
    span: Span


def read_marks(reply: str, ranges: Mapping[str, tuple[int, int]], *, apart: bool) -> dict[str, Mark]:
    """The marks in a judge's reply, exactly one per criterion in `ranges` (name to lowest and highest).

    `apart` replies are {"rationale": …, "score": n}; replies on all criteria together nest one such object under each
    name. Text around the one JSON object (a thought, a code fence, a sentence) is tolerated; a second object is not.
    Raises ModelError "malformed", with the reply as its `raw`.
    """
    try:
        value, spans = _only_object(reply)
        named = dict.fromkeys(ranges, value) if apart else value
        if set(named) != set(ranges):
            raise _UnreadableError(f"criteria are {sorted(named)}, not {sorted(ranges)}")
        place: dict[str, Path] = {name: ("score",) if apart else (name, "score") for name in ranges}
        return {name: _mark(name, named[name], limits, spans.get(place[name])) for name, limits in ranges.items()}
    except _UnreadableError as error:
        raise ModelError("malformed", str(error), raw=reply) from None


class _UnreadableError(Exception):
    pass


def _mark(name: str, item: Any, limits: tuple[int, int], span: Span | None) -> Mark:
    if not isinstance(item, dict) or "score" not in item:
        raise _UnreadableError(f"{name}: no score")
    extra = set(item) - {"score", "rationale"}
    if extra:
        raise _UnreadableError(f"{name}: unexpected {sorted(extra)}")
    score, rationale = item["score"], item.get("rationale")
    if span is None or score != int(score):
        raise _UnreadableError(f"{name}: score {score!r} is no whole number")
    low, high = limits
    if not low <= score <= high:
        raise _UnreadableError(f"{name}: score {score:g} is outside {low} to {high}")
    if rationale is not None and not isinstance(rationale, str):
        raise _UnreadableError(f"{name}: the rationale is no text")
    return Mark(int(score), None if rationale is None else clean(rationale), span)


def _only_object(reply: str) -> tuple[dict[str, Any], dict[Path, Span]]:
    """The one JSON object of a reply, with the span of each scalar in it, relative to the whole reply."""
    thought = _THOUGHT.match(reply)
    start = thought.end() if thought else 0
    fenced = _FENCE.search(reply, start)
    begin, end = fenced.span(1) if fenced else (start, len(reply))
    at = reply.find("{", begin, end)
    if at < 0:
        raise _UnreadableError("no JSON object")
    spans: dict[Path, Span] = {}
    value, after = _value(reply, at, (), spans)
    if reply.find("{", after) >= 0:
        raise _UnreadableError("more than one JSON object")
    return value, spans


def _value(text: str, at: int, path: Path, spans: dict[Path, Span]) -> tuple[Any, int]:
    """The JSON value that starts at `at`, and where it ends. Like json.loads, but with places and without leniency."""
    if len(path) > _MAX_DEPTH:
        raise _UnreadableError("nested too deeply")
    at = _skip(text, at)
    head = text[at : at + 1]
    if head == "{":
        return _object(text, at, path, spans)
    if head == "[":
        return _array(text, at, path, spans)
    if head == '"':
        return _string(text, at)
    for literal, value in (("true", True), ("false", False), ("null", None)):
        if text.startswith(literal, at):
            return value, at + len(literal)
    number = _NUMBER.match(text, at)
    if not number:
        raise _UnreadableError(f"no JSON at character {at}")
    spans[path] = number.span()
    # No score has as many digits; and 1e400 would be infinite.
    amount: float = json.loads(number[0]) if len(number[0]) < 40 else math.inf
    if not math.isfinite(amount):
        raise _UnreadableError("a number too large")
    return amount, number.end()


def _object(text: str, at: int, path: Path, spans: dict[Path, Span]) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        if members:
            at = _expect(text, at, ",")
        name, at = _string(text, _skip(text, at))
        if name in members:
            raise _UnreadableError(f"{name!r} is given twice")
        members[name], at = _value(text, _expect(text, at, ":"), (*path, name), spans)
        at = _skip(text, at)
    return members, at + 1


def _array(text: str, at: int, path: Path, spans: dict[Path, Span]) -> tuple[list[Any], int]:
    items: list[Any] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        if items:
            at = _expect(text, at, ",")
        item, at = _value(text, at, (*path, str(len(items))), spans)
        items.append(item)
        at = _skip(text, at)
    return items, at + 1


def _string(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != '"':
        raise _UnreadableError(f"no JSON string at character {at}")
    try:
        string, end = _STRINGS.raw_decode(text, at)
        return str(string), int(end)
    except ValueError as error:
        raise _UnreadableError(f"no JSON string at character {at}: {error}") from None


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise _UnreadableError(f"{mark!r} expected at character {at}")
    return at + 1


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def expectation(tokens: Sequence[Token], mark: Mark, limits: tuple[int, int]) -> tuple[float, float] | None:
    """Mean and standard deviation of the score over the judge's own alternatives at the score token (G-Eval).

    None where one token does not hold the whole number, or where the alternatives cannot tell 1 from the start of 10.
    """
    token = _token_at(tokens, mark.span)
    if token is None or token.text.strip() != str(mark.value):
        return None
    low, high = limits
    masses: dict[int, float] = {}
    for text, logprob in token.top:
        if text.strip().isdecimal() and low <= int(text) <= high:
            masses[int(text)] = masses.get(int(text), 0.0) + math.exp(logprob)
    if mark.value not in masses or (high > 9 and not any(value > 9 for value in masses)):
        return None
    total = sum(masses.values())
    mean = sum(value * mass for value, mass in masses.items()) / total
    variance = sum(mass * (value - mean) ** 2 for value, mass in masses.items()) / total
    return mean, math.sqrt(variance)


def _token_at(tokens: Sequence[Token], span: Span) -> Token | None:
    at = 0
    for token in tokens:
        if at <= span[0] and span[1] <= at + len(token.text):
            return token
        at += len(token.text)
    return None
