"""From the bytes of a chat completion to completions: pure, and believing nothing.

Servers answer 200 with HTML, with `{"error": …}`, with no choices, with fewer than asked for, with null for text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import orjson

from rlaif.models.ask import Completion, Token
from rlaif.models.openai_fault import SHOWN, RequestError, from_error
from rlaif.records import clean

FINISHES: Final = {
    "length": "length", "max_tokens": "length", "content_filter": "refused", "safety": "refused", "refusal": "refused",
}  # fmt: skip


# Log-probabilities lie between what servers send for minus infinity (-9999) and what float16 makes of certainty.
LEAST, ROUNDING = -1e6, 1e-2
# Some servers on Windows begin a reply with it.
BOM: Final = b"\xef\xbb\xbf"
# Beyond it no store counts.
MOST_TOKENS: Final = 2**53


@dataclass(frozen=True, slots=True)
class Reply:
    """The usable completions `found`, by their index; how many more came than were asked for, and the server's build."""

    found: dict[int, Completion]
    surplus: int = 0
    fingerprint: str | None = None


def read_reply(data: bytes, n: int) -> Reply:
    """A reply with at most `n` completions; what is missing must be asked for again.

    One with an index outside the range, or that was given before, is surplus. Raises RequestError: `malformed` where nothing
    is usable, else what the reply's own error says.
    """
    reply = read_object(data)
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise malformed("a reply without choices", data)
    said: dict[int, _Said] = {}
    usable = 0
    for place, choice in enumerate(choices):
        words = _said(choice) if isinstance(choice, dict) else None
        index = count(_index(choice, place, len(choices))) if words else None
        usable += words is not None
        if words and index is not None and index < n:
            said.setdefault(index, words)
    if not said:
        raise malformed("a reply without text", data)
    fingerprint = reply.get("system_fingerprint")
    build = clean(fingerprint)[:SHOWN] if isinstance(fingerprint, str) and fingerprint else None
    return Reply(_completions(said, reply), usable - len(said), build)


def _index(choice: Mapping[str, Any], place: int, choices: int) -> Any:
    """The place among the completions that the choice gives; some servers give null where there is only one."""
    index = choice.get("index", place)
    return place if index is None and choices == 1 else index


def read_object(data: bytes) -> Mapping[str, Any]:
    """The object of a reply. Raises RequestError: `malformed` where there is none, else what its own error says."""
    reply = parse(data)
    if not isinstance(reply, dict):
        raise malformed("a reply that is no JSON object", data)
    if reply.get("error"):
        raise from_error(reply["error"])
    return reply


def without_output(reply: Mapping[str, Any], text: str) -> Completion:
    """What a model that writes nothing told in a reply, as text, with the reply's own counts."""
    usage, served = reply.get("usage"), reply.get("model")
    return Completion(
        text,
        prompt_tokens=count(usage.get("prompt_tokens")) if isinstance(usage, dict) else None,
        output_tokens=0,
        served=clean(served) if isinstance(served, str) else None,
    )


def parse(data: bytes) -> Any:
    """A reply's JSON; None where it is none."""
    data = data.removeprefix(BOM)
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    # orjson refuses lone surrogates and NaN, which servers do send.
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def malformed(what: str, data: bytes) -> RequestError:
    """The fault of a reply that is no answer."""
    raw = clean(data.decode("utf-8", "replace"))
    return RequestError("malformed", f"{what}: {' '.join(raw.split())[:SHOWN] or 'empty'}", raw=raw)


# Text, how it ended, and its tokens where they were asked for.
_Said = tuple[str, str, tuple[Token, ...]]


def _said(choice: Mapping[str, Any]) -> _Said | None:
    """What one choice says, or None if it holds no text although it should."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    finish = FINISHES.get(str(choice.get("finish_reason")).lower(), "stop")
    text = _text(message.get("content"))
    refusal = _text(message.get("refusal"))
    if refusal:
        text, finish = text or refusal, "refused"
    if text is None:
        # Nothing was written before the limit (a reasoning model's thoughts used it up), or nothing may be shown.
        if finish == "stop":
            return None
        text = ""
    return clean(text), finish, _tokens(choice.get("logprobs"))


def _text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if texts else None
    return None


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    """The tokens with their log-probabilities; none at all if any is not a number, since their sum would be wrong."""
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
    return Token(*pair, tuple(sorted(top, key=lambda each: -each[1])))


def _pair(entry: Any) -> tuple[str, float] | None:
    text, logprob = (entry.get("token"), entry.get("logprob")) if isinstance(entry, dict) else (None, None)
    if not isinstance(text, str) or not isinstance(logprob, int | float) or not LEAST < logprob < ROUNDING:
        return None
    return clean(text), float(logprob)


def _completions(said: Mapping[int, _Said], reply: Mapping[str, Any]) -> dict[int, Completion]:
    """Who said it, and what it cost: the prompt on the first, the output shared out by length of text."""
    served, usage = reply.get("model"), reply.get("usage")
    name = clean(served) if isinstance(served, str) else None
    counts = usage if isinstance(usage, dict) else {}
    prompt, output = count(counts.get("prompt_tokens")), count(counts.get("completion_tokens"))
    first = min(said)
    shares = [output] if len(said) == 1 else _shares(output, [len(text) for text, _, _ in said.values()])
    return {
        index: Completion(text, finish, prompt if index == first or prompt is None else 0, share, tokens, name)
        for (index, (text, finish, tokens)), share in zip(said.items(), shares, strict=True)
    }


def count(value: Any) -> int | None:
    """A number of tokens, where it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_TOKENS else None


def _shares(total: int | None, lengths: list[int]) -> list[int | None]:
    """`total` split in proportion to the lengths, with nothing lost to rounding."""
    if total is None:
        return [None] * len(lengths)
    whole = sum(lengths) + len(lengths)
    bounds, passed = [0], 0
    for length in lengths:
        passed += length + 1
        bounds.append(round(total * passed / whole))
    return [after - before for before, after in pairwise(bounds)]
