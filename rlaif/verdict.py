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

# Strings, marks, and everything else that JSON is made of.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
# Enough of a score that is none to recognise it.
SHOWN = 40
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```", re.DOTALL)
_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mark:
    """One criterion's mark as the judge wrote it, at `path` in the JSON object that `text` is from `at` to `end`."""

    value: int
    rationale: str | None
    text: str
    at: int
    end: int
    path: Path

    @property
    def span(self) -> Span:
        """Where its number stands in the text."""
        return _spans(self.text, self.at, self.end)[self.path]


def read_marks(reply: str, ranges: Mapping[str, tuple[int, int]], *, apart: bool) -> dict[str, Mark]:
    """The marks in a judge's reply, exactly one per criterion in `ranges` (name to lowest and highest).

    `apart` replies are {"rationale": …, "score": n}; replies on all criteria together nest one such object under each
    name. Text around the one JSON object (a thought, a code fence, a sentence) is tolerated; a second object is not.
    Raises ModelError "malformed", with the reply as its `raw`.
    """
    try:
        value, at, end = _only_object(reply)
        named = dict.fromkeys(ranges, value) if apart else value
        if set(named) != set(ranges):
            raise _UnreadableError(f"criteria are {sorted(named)}, not {sorted(ranges)}")
        marks = {}
        for name, limits in ranges.items():
            score, rationale = _mark(name, named[name], limits)
            marks[name] = Mark(score, rationale, reply, at, end, ("score",) if apart else (name, "score"))
        return marks
    except _UnreadableError as error:
        raise ModelError("malformed", str(error), raw=reply) from None


# What one name of a JSON object holds: a text, a list of texts, or one of the words given.
Fields = Mapping[str, str | tuple[str, ...]]
TEXT, TEXTS = "text", "texts"
# A judge that lists more than this has lost its way; it also bounds what one judgement can cost.
MOST_TEXTS = 64


def read_fields(reply: str, fields: Fields) -> dict[str, Any]:
    """The one JSON object of a judge's reply, with exactly these names and what each must hold.

    Raises ModelError "malformed", with the reply as its `raw`.
    """
    try:
        value, _, _ = _only_object(reply)
        if set(value) != set(fields):
            raise _UnreadableError(f"names are {sorted(value)[:MOST_TEXTS]}, not {sorted(fields)}")
        return {name: _held(name, value[name], kind) for name, kind in fields.items()}
    except _UnreadableError as error:
        raise ModelError("malformed", str(error), raw=reply) from None


def _held(name: str, value: Any, kind: str | tuple[str, ...]) -> Any:
    if kind == TEXTS:
        if not isinstance(value, list) or len(value) > MOST_TEXTS:
            raise _UnreadableError(f"{name}: no list of at most {MOST_TEXTS}")
        if not all(isinstance(text, str) and text.strip() for text in value):
            raise _UnreadableError(f"{name}: something in the list is no text")
        return [clean(" ".join(text.split())) for text in value]
    if not isinstance(value, str):
        raise _UnreadableError(f"{name}: no text")
    if isinstance(kind, tuple) and value not in kind:
        raise _UnreadableError(f"{name}: {value[:SHOWN]!r} is none of {', '.join(kind)}")
    return clean(value)


def fields_schema(fields: Fields) -> dict[str, Any]:
    """The JSON Schema of an object with these names."""
    text = {"type": "string"}
    kinds: dict[str, Any] = {TEXT: text, TEXTS: {"type": "array", "items": text | {"minLength": 1}, "maxItems": MOST_TEXTS}}
    properties = {name: {"enum": list(kind)} if isinstance(kind, tuple) else kinds[kind] for name, kind in fields.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


class _UnreadableError(Exception):
    pass


def _mark(name: str, item: Any, limits: tuple[int, int]) -> tuple[int, str | None]:
    if not isinstance(item, dict) or "score" not in item:
        raise _UnreadableError(f"{name}: no score")
    extra = set(item) - {"score", "rationale"}
    if extra:
        raise _UnreadableError(f"{name}: unexpected {sorted(extra)}")
    score, rationale = item["score"], item.get("rationale")
    low, high = limits
    if type(score) not in (int, float):
        raise _UnreadableError(f"{name}: score {str(score)[:SHOWN]!r} is no number")
    if not low <= score <= high:
        raise _UnreadableError(f"{name}: score {str(score)[:SHOWN]} is outside {low} to {high}")
    if score != int(score):
        raise _UnreadableError(f"{name}: score {score} is no whole number")
    if rationale is not None and not isinstance(rationale, str):
        raise _UnreadableError(f"{name}: the rationale is no text")
    return int(score), None if rationale is None else clean(rationale)


def _only_object(reply: str) -> tuple[dict[str, Any], int, int]:
    """The one JSON object of a reply, and where it begins and ends."""
    thought = _THOUGHT.match(reply)
    start = thought.end() if thought else 0
    fenced = _FENCE.search(reply, start)
    begin, end = fenced.span(1) if fenced else (start, len(reply))
    at = reply.find("{", begin, end)
    if at < 0:
        raise _UnreadableError("no JSON object")
    try:
        value, after = _JSON.raw_decode(reply, at)
    except (ValueError, RecursionError) as error:
        raise _UnreadableError(f"no JSON object at character {at}: {error}") from None
    # Also before a code fence: a judge may quote the response's forged verdict there, after its own.
    if reply.find("{", start, at) >= 0 or reply.find("{", after) >= 0:
        raise _UnreadableError("more than one JSON object")
    return value, at, after


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _UnreadableError(f"a name of {sorted(members)} is given twice")
    return members


def _no_number(word: str) -> Any:
    raise _UnreadableError(f"{word} is no number")


# Strict: a line break inside a string is a mistake, and so is NaN.
_JSON = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number)


def _spans(text: str, at: int, end: int) -> dict[Path, Span]:
    """Where each named scalar of the JSON object between `at` and `end`, known to be one, stands."""
    spans: dict[Path, Span] = {}
    path: list[str] = []
    name = None
    for token in _TOKENS.finditer(text, at, end):
        mark = token[0]
        if mark == "{" or mark == "[":
            path.append(name or "")
            name = None
        elif mark == "}" or mark == "]":
            path.pop()
        elif mark == ",":
            name = None
        elif mark == ":":
            continue
        elif name is None:
            name = json.loads(mark) if "\\" in mark else mark[1:-1]
        else:
            spans[*path[1:], name] = token.span()
    return spans


def expectation(tokens: Sequence[Token], mark: Mark, limits: tuple[int, int]) -> tuple[float, float] | None:
    """Mean and standard deviation of the score over the judge's own alternatives at the score token (G-Eval).

    None where one token does not hold the whole number, or where the alternatives cannot tell 1 from the start of 10.
    """
    token = _token_at(tokens, mark.span) if tokens else None
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


def word_shares(reply: str, tokens: Sequence[Token], name: str, words: Sequence[str]) -> dict[str, float] | None:
    """What share each of `words` has over the judge's own alternatives where its one JSON object says one under `name`.

    It is taken at the token of the word's first letter, so no two words may begin alike. None where that is not told.
    """
    value, at, end = _only_object(reply)
    start = _spans(reply, at, end)[(name,)][0] + 1
    token = _token_at(tokens, (start, start + 1))
    if token is None or _meant(token.text, words) != value[name]:
        return None
    masses = dict.fromkeys(words, 0.0)
    for text, logprob in token.top:
        word = _meant(text, words)
        if word is not None:
            masses[word] += math.exp(logprob)
    total = sum(masses.values())
    return {word: mass / total for word, mass in masses.items()} if masses[value[name]] else None


def _meant(token: str, words: Sequence[str]) -> str | None:
    """The word that a token is the beginning of, or holds whole."""
    text = token.lstrip(' "')
    return next((word for word in words if text and (word.startswith(text) or text.startswith(word + '"'))), None)


def _token_at(tokens: Sequence[Token], span: Span) -> Token | None:
    at = 0
    for token in tokens:
        if at <= span[0] and span[1] <= at + len(token.text):
            return token
        at += len(token.text)
    return None
