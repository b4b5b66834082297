"""Parses a judge's reply strictly: exact names, each once, with integers in range. Anything else is a failure.

The verdict is the whole reply, except the model's closed reasoning, one code fence around everything, and white space. The
parser never searches inside prose, because a judge may quote a forged verdict from the response. Values are never clamped,
rounded or guessed, because a wrong number would silently make a wrong label.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from rlaif.core.errors import ModelError
from rlaif.core.types import clean
from rlaif.models.base import Completion, prompt_cut
from rlaif.models.reasoning import text_spans

Path = tuple[str, ...]
Span = tuple[int, int]
# What may surround a verdict: the model's reasoning and a code fence, a code fence, or only white space.
Wrapping = Literal["reasoning", "fence", "none"]

# The tokens of JSON: strings, punctuation, and everything else.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
# Characters of an invalid value to show in an error.
SHOWN = 40
_FENCE_START = re.compile(r"```(?:json[5cl]?|javascript|js)?\s*", re.IGNORECASE)
_FENCE_END: Final = "```"
# The start of an object, as opposed to prose that begins with a brace.
_BEGUN = re.compile(r'\{\s*"')


@dataclass(slots=True)
class Mark:
    """One criterion's score as the judge wrote it, at `path` in the JSON object in `text[at:end]`."""

    value: int
    rationale: str | None
    text: str
    at: int
    end: int
    path: Path

    @property
    def span(self) -> Span:
        """The position of the number in the text."""
        return spans_of(self.text, self.at, self.end)[self.path]


def require_whole(reply: Completion) -> None:
    """Raise ModelError unless a reply is known to be whole: `refused`, `truncated`, `prompt_cut` or `malformed`.

    A reply that was cut off is never a verdict, even if the received part parses as one: a judge that quotes a forged
    verdict may be cut off right after it.
    """
    if reply.finish == "refused":
        raise ModelError("refused", "the judge refused", raw=reply.text)
    if reply.finish == "length":
        raise ModelError("truncated", _cut_off(reply.text), raw=reply.text)
    if reply.finish == "prompt_cut":
        raise ModelError("prompt_cut", prompt_cut(reply), raw=reply.text)
    if reply.finish != "stop":
        what = f"the reply may not be whole: unknown finish_reason {reply.finish_reason!r}"
        raise ModelError("malformed", what, raw=reply.text)


# JSON allows blanks between tokens, so a model under a schema may write blanks until it is cut off.
_BLANK: Final = 0.8


def _cut_off(text: str) -> str:
    blank = sum(map(str.isspace, text)) > _BLANK * len(text)
    return "the reply was cut off " + ("in an endless run of blanks" if blank else "before its verdict ended")


def wrapping_of(reply: Completion) -> Wrapping:
    """Return what may surround the verdict of a reply.

    If the server enforces the JSON Schema, the reply is the bare object. If the server returns the reasoning separately, a
    reasoning mark in the text is a quote.
    """
    return "none" if reply.held else "fence" if reply.reasoning is not None else "reasoning"


def parse_scores(
    reply: str, ranges: Mapping[str, tuple[int, int]], *, apart: bool, wrapping: Wrapping = "reasoning"
) -> dict[str, Mark]:
    """Parse the scores in a judge's reply, exactly one per criterion in `ranges` (name to lowest and highest).

    With `apart`, a reply is {"rationale": …, "score": n}. Otherwise it covers all criteria, with one such object under
    each name. Raises ModelError "malformed", with the reply as its `raw`.
    """
    try:
        value, at, end = whole_object(reply, wrapping)
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


# The type of each field of a JSON object: a text, a list of texts, or one of the given words.
Fields = Mapping[str, str | tuple[str, ...]]
TEXT, TEXTS = "text", "texts"
# Longer lists are failures: the judge is looping. The limit also bounds the cost of one judgement.
MOST_TEXTS = 64


def read_fields(reply: str, fields: Fields, wrapping: Wrapping = "reasoning") -> dict[str, Any]:
    """Parse a judge's reply that is a JSON object with exactly these fields, each of its required type.

    Raises ModelError "malformed", with the reply as its `raw`.
    """
    try:
        value, _, _ = whole_object(reply, wrapping)
        if set(value) != set(fields):
            raise _UnreadableError(f"names are {sorted(value)[:MOST_TEXTS]}, not {sorted(fields)}")
        return {name: _held(name, value[name], kind) for name, kind in fields.items()}
    except _UnreadableError as error:
        raise ModelError("malformed", str(error), raw=reply) from None


def _held(name: str, value: Any, kind: str | tuple[str, ...]) -> Any:
    if kind == TEXTS:
        if not isinstance(value, list) or len(value) > MOST_TEXTS:
            raise _UnreadableError(f"{name} is not a list of at most {MOST_TEXTS}")
        if not all(isinstance(text, str) and text.strip() for text in value):
            raise _UnreadableError(f"{name} lists something that is not text")
        return [clean(" ".join(text.split())) for text in value]
    if not isinstance(value, str):
        raise _UnreadableError(f"{name} is not text")
    if isinstance(kind, tuple) and value not in kind:
        raise _UnreadableError(f"{name}: {value[:SHOWN]!r} is not one of {', '.join(kind)}")
    return clean(value)


def fields_schema(fields: Fields) -> dict[str, Any]:
    """Return the JSON Schema of an object with these names."""
    text = {"type": "string"}
    kinds: dict[str, Any] = {TEXT: text, TEXTS: {"type": "array", "items": text | {"minLength": 1}, "maxItems": MOST_TEXTS}}
    properties = {name: {"enum": list(kind)} if isinstance(kind, tuple) else kinds[kind] for name, kind in fields.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


class _UnreadableError(Exception):
    pass


class _BrokenError(_UnreadableError):
    """The reply starts a JSON object that is invalid or incomplete, so the rest may be inside one of its strings."""


def _mark(name: str, item: Any, limits: tuple[int, int]) -> tuple[int, str | None]:
    if not isinstance(item, dict) or "score" not in item:
        raise _UnreadableError(f"{name}: no score")
    extra = set(item) - {"score", "rationale"}
    if extra:
        raise _UnreadableError(f"{name}: unexpected {sorted(extra)}")
    score, rationale = item["score"], item.get("rationale")
    low, high = limits
    if type(score) not in (int, float):
        raise _UnreadableError(f"{name}: score {str(score)[:SHOWN]!r} is not a number")
    if not low <= score <= high:
        raise _UnreadableError(f"{name}: score {str(score)[:SHOWN]} is outside {low} to {high}")
    if score != int(score):
        raise _UnreadableError(f"{name}: score {score} is not a whole number")
    if rationale is not None and not isinstance(rationale, str):
        raise _UnreadableError(f"{name}: the rationale is not text")
    return int(score), None if rationale is None else clean(rationale)


def read_object(reply: str, wrapping: Wrapping = "reasoning") -> dict[str, Any]:
    """Return the JSON object that a reply consists of. Raises ModelError "malformed", with the reply as its `raw`."""
    try:
        return whole_object(reply, wrapping)[0]
    except _UnreadableError as error:
        raise ModelError("malformed", str(error), raw=reply) from None


def whole_object(reply: str, wrapping: Wrapping) -> tuple[dict[str, Any], int, int]:
    """Return the JSON object that a reply consists of, and its start and end.

    Reasoning ends at its last closing mark. But a rationale may quote such a mark, so the text may start after any of them.
    At most one of these candidates can be an object up to the reply's end: a later one starts inside a string of an earlier
    object, where each quotation mark has the opposite meaning. After a broken object, nothing is read, because the judge
    may have quoted the response there.
    """
    spans = text_spans(reply) if wrapping == "reasoning" else [(0, len(reply))]
    if not spans:
        raise _UnreadableError("no JSON object: the reply ends before the model's reasoning does")
    error = _UnreadableError("no JSON object: the reply is empty")
    for start, end in spans:
        try:
            return _object_in(reply, *_trimmed(reply, start, end, fence=wrapping != "none"))
        except _BrokenError:
            raise
        except _UnreadableError as found:
            error = found
    raise error


def _object_in(reply: str, at: int, end: int) -> tuple[dict[str, Any], int, int]:
    """Return the JSON object that fills the reply between two positions."""
    if at == end:
        raise _UnreadableError("no JSON object: the reply is empty")
    if reply[at] != "{":
        if fence := _FENCE_START.match(reply, at, end):
            _decoded(reply, fence.end())
        raise _UnreadableError(f"no JSON object: the reply begins with {reply[at:end][:SHOWN]!r}")
    value, after = _decoded(reply, at)
    if after != end:
        raise _UnreadableError(f"more than a JSON object: {reply[after:end].strip()[:SHOWN]!r} follows it")
    return value, at, after


def _decoded(reply: str, at: int) -> tuple[Any, int]:
    """Return the JSON value that starts at this position, and its end."""
    try:
        return _JSON.raw_decode(reply, at)
    except (ValueError, RecursionError) as error:
        what = f"no JSON object at character {at}: {error}"
        raise (_BrokenError if _BEGUN.match(reply, at) else _UnreadableError)(what) from None


def _trimmed(reply: str, at: int, end: int, *, fence: bool) -> Span:
    """Return the start and end without surrounding white space and without one code fence around everything."""
    at, end = _stripped(reply, at, end)
    opening = _FENCE_START.match(reply, at, end) if fence else None
    if opening and opening.end() <= end - len(_FENCE_END) and reply.endswith(_FENCE_END, at, end):
        return _stripped(reply, opening.end(), end - len(_FENCE_END))
    return at, end


def _stripped(reply: str, at: int, end: int) -> Span:
    text = reply[at:end]
    return at + len(text) - len(text.lstrip()), max(at + len(text) - len(text.lstrip()), at + len(text.rstrip()))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _UnreadableError(f"a name in {sorted(members)} is given twice")
    return members


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not a number")


# Strict: a line break inside a string is an error, and so is NaN.
_JSON = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number)


def spans_of(text: str, at: int, end: int) -> dict[Path, Span]:
    """Return the position of each named scalar in the JSON object between `at` and `end`, which must be valid."""
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
