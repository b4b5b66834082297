"""Reads the bytes of a chat completion: pure functions that trust nothing in them.

Servers answer 200 with HTML, with `{"error": …}`, with no choices, with fewer than requested, with null for text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import orjson

from rlaif.core.errors import TRANSIENT
from rlaif.core.tool_calls import reply_calls, text_with_calls
from rlaif.core.types import clean
from rlaif.models.base import Completion, Token
from rlaif.models.openai.errors import SHOWN, RequestError, from_error
from rlaif.models.openai.finish import CALLING, finish_of
from rlaif.models.prompt_size import count, read_tokens

# Log-probabilities range from the value that servers send for minus infinity (-9999) to certainty in float16.
LEAST, ROUNDING = -1e6, 1e-2
# A byte order mark, with which some servers on Windows begin a reply.
BOM: Final = b"\xef\xbb\xbf"
# Parts of a message that are text, and where other parts keep reasoning.
_TEXT_PARTS: Final = frozenset({None, "text", "output_text"})
_REASONING_PARTS: Final = ("thinking", "reasoning", "text", "summary")
# The fields in which servers return separate reasoning, in order of preference.
_REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
# Kinds of error that a choice may report. Any other is the server's, whatever status it gives.
_KINDS_OF_A_CHOICE: Final = TRANSIENT | {"refused", "context_overflow", "quota"}


@dataclass(slots=True)
class Reply:
    """The usable completions `found`, by index; the number of completions beyond those requested, and the server's build."""

    found: dict[int, Completion]
    surplus: int = 0
    fingerprint: str | None = None


def read_reply(data: bytes, n: int) -> Reply:
    """Read a reply with at most `n` completions; missing ones must be requested again.

    A completion whose index is outside the range, or was given before, is surplus. Raises RequestError: the error that the
    reply or one of its choices reports, else `malformed` if nothing is usable.
    """
    reply = read_object(data)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise malformed("a reply without choices", data)
    read: dict[int, _Choice] = {}
    usable = 0
    fault: RequestError | None = None
    for place, choice in enumerate(choices):
        if not isinstance(choice, dict):
            continue
        found = _choice(choice)
        if isinstance(found, RequestError):
            fault = fault or found
        elif found:
            usable += 1
            index = count(_index(choice, place, len(choices)))
            if index is not None and index < n:
                read.setdefault(index, found)
    if not read:
        raise fault or malformed("a reply without text", data)
    fingerprint = reply.get("system_fingerprint")
    build = clean(fingerprint)[:SHOWN] if isinstance(fingerprint, str) and fingerprint else None
    return Reply(_completions(read, reply), usable - len(read), build)


def _index(choice: Mapping[str, Any], place: int, choices: int) -> Any:
    """Return the choice's index among the completions; some servers send null if there is only one."""
    index = choice.get("index", place)
    return place if index is None and choices == 1 else index


def read_object(data: bytes) -> Mapping[str, Any]:
    """Return the object of a reply. Raises RequestError: `malformed` if there is none, else the error that it reports."""
    reply = parse(data)
    if not isinstance(reply, dict):
        raise malformed("a reply that is not a JSON object", data)
    if reply.get("error"):
        raise from_error(reply["error"])
    return reply


def without_output(reply: Mapping[str, Any], text: str) -> Completion:
    """Return the result of a model that generates no text (an embedding, a reward), as text, with the reply's usage."""
    usage, served = reply.get("usage"), reply.get("model")
    return Completion(
        text,
        prompt_tokens=count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None,
        output_tokens=0,
        served=clean(served) if isinstance(served, str) else None,
        prompt_read=read_tokens(usage),
    )


def parse(data: bytes) -> Any:
    """Return the JSON value of a reply; None if it has none."""
    data = data.removeprefix(BOM)
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    # orjson refuses lone surrogates and NaN, which some servers send.
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def malformed(what: str, data: bytes) -> RequestError:
    """Return the error for a reply that is not an answer."""
    raw = clean(data.decode("utf-8", "replace"))
    return RequestError("malformed", f"{what}: {' '.join(raw.split())[:SHOWN] or 'empty'}", raw=raw)


@dataclass(slots=True)
class _Choice:
    """One choice of a reply, with its tokens if they were requested. `finish_reason` is set if rlaif does not know it."""

    text: str
    finish: str
    finish_reason: str | None
    tokens: tuple[Token, ...]
    reasoning: str | None


def _choice(choice: Mapping[str, Any]) -> _Choice | RequestError | None:
    """Read one choice: the error that it reports, or None if it has no text although it should."""
    if choice.get("error"):
        return _fault(choice["error"])
    reason = choice.get("finish_reason")
    finish = finish_of(reason)
    if finish == "fault":
        return RequestError("server", f"a reply with finish_reason {clean(str(reason))[:SHOWN]!r}")
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    text, reasoning, refusal = _text(message.get("content")), _reasoning(message), _text(message.get("refusal"))
    if calls := reply_calls(message.get("tool_calls")):
        text, finish = text_with_calls(text or "", calls), "stop" if reason in CALLING else finish
    if refusal:
        text, finish = text or refusal, "refused"
    if text is None:
        # Reasoning used up the token limit before any text, or a filter removed the text.
        if finish in ("stop", "unknown"):
            return None
        text = ""
    word = clean(str(reason))[:SHOWN] if finish == "unknown" else None
    return _Choice(clean(text), finish, word, _tokens(choice.get("logprobs")), reasoning)


def _fault(error: Any) -> RequestError:
    """Return the error that a choice reports; the request is retried unless it caused the error itself."""
    found = from_error(error)
    return found if found.kind in _KINDS_OF_A_CHOICE else RequestError("server", str(found), raw=found.raw)


def _text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part if isinstance(part, dict) else {"text": part} for part in content]
    texts = [part.get("text") for part in parts if _kind(part) in _TEXT_PARTS]
    found = [text for text in texts if isinstance(text, str)]
    return "".join(found) if found else None


def _kind(part: Mapping[str, Any]) -> str | None:
    kind = part.get("type")
    return kind if isinstance(kind, str) else None


def _reasoning(message: Mapping[str, Any]) -> str | None:
    """Return the reasoning that a server returned separately from the text; None if there is none."""
    content = message.get("content")
    if isinstance(content, str) and not any(map(message.get, _REASONING_FIELDS)):
        return None
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    apart = [part for part in parts if _kind(part) not in _TEXT_PARTS]
    found = [_reasoning_text(message.get(name)) for name in _REASONING_FIELDS] + [_reasoning_text(apart)]
    return next((clean(text) for text in found if text.strip()), None)


def _reasoning_text(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    # Parts may hold parts, but no server nests them deeper.
    if isinstance(value, list) and depth < 4:
        return "".join(_reasoning_text(each, depth + 1) for each in value)
    if isinstance(value, dict) and depth < 4:
        texts = (_reasoning_text(value.get(name), depth + 1) for name in _REASONING_PARTS)
        return next((text for text in texts if text), "")
    return ""


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    """Return the tokens with their log-probabilities, or none at all if one is not a number: their sum would be wrong."""
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    tokens = [_token(entry) for entry in entries] if isinstance(entries, list) else []
    return tuple(token for token in tokens if token) if all(tokens) else ()


def _token(entry: Any) -> Token | None:
    pair = _pair(entry)
    if pair is None:
        return None
    listed = entry.get("top_logprobs")
    top = [each for each in map(_pair, listed) if each] if isinstance(listed, list) else []
    if top and all(text != pair[0] for text, _ in top):
        top.append(pair)
    return Token(*pair, tuple(sorted(top, key=lambda each: -each[1])), _bytes(entry.get("bytes")))


def _bytes(value: Any) -> bytes | None:
    if not isinstance(value, list) or not all(type(each) is int and 0 <= each < 256 for each in value):
        return None
    return bytes(value)


def _pair(entry: Any) -> tuple[str, float] | None:
    text, logprob = (entry.get("token"), entry.get("logprob")) if isinstance(entry, dict) else (None, None)
    if not isinstance(text, str) or not isinstance(logprob, int | float) or not LEAST < logprob < ROUNDING:
        return None
    return clean(text), float(logprob)


def _completions(choices: Mapping[int, _Choice], reply: Mapping[str, Any]) -> dict[int, Completion]:
    """Add the model's name and usage: prompt tokens on the first completion, output tokens divided by length of text."""
    served, usage = reply.get("model"), reply.get("usage")
    name = clean(served) if isinstance(served, str) else None
    counts = usage if isinstance(usage, dict) else {}
    prompt, output = count(counts.get("prompt_tokens")), count(counts.get("completion_tokens"))
    first, read, cached = min(choices), read_tokens(usage), _cached(counts, prompt or 0)
    shares = [output] if len(choices) == 1 else _shares(output, [_written(each) for each in choices.values()])
    return {
        index: Completion(
            each.text,
            each.finish,
            prompt if index == first or prompt is None else 0,
            share,
            each.tokens,
            name,
            each.reasoning,
            each.finish_reason,
            read,
            cache_read=cached[0] if index == first else 0,
            cache_written=cached[1] if index == first else 0,
        )
        for (index, each), share in zip(choices.items(), shares, strict=True)
    }


def _cached(usage: Mapping[str, Any], prompt: int) -> tuple[int, int]:
    """Return how many of the `prompt` tokens came from the server's prompt cache, and how many were added to it."""
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    # DeepSeek and Moonshot use other fields.
    read = details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens")
    return min(count(read) or 0, prompt), min(count(details.get("cache_write_tokens")) or 0, prompt)


def _written(choice: _Choice) -> int:
    return len(choice.text) + len(choice.reasoning or "")


def _shares(total: int | None, lengths: list[int]) -> list[int | None]:
    """Divide `total` in proportion to the lengths, with nothing lost to rounding."""
    if total is None:
        return [None] * len(lengths)
    whole = sum(lengths) + len(lengths)
    bounds, passed = [0], 0
    for length in lengths:
        passed += length + 1
        bounds.append(round(total * passed / whole))
    return [after - before for before, after in pairwise(bounds)]
