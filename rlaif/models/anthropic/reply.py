"""Read the bytes of a Messages API reply: a pure function that trusts nothing in them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rlaif.core.tool_calls import reply_calls, text_with_calls
from rlaif.core.types import clean
from rlaif.models.base import Completion
from rlaif.models.openai.errors import SHOWN
from rlaif.models.openai.finish import CALLING, finish_of
from rlaif.models.openai.response import malformed, read_object
from rlaif.models.prompt_size import count

# The counts of prompt tokens, which are disjoint: not cached, read from the cache, and written to it.
PROMPT_TOKENS: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def read_message(data: bytes) -> Completion:
    """Return the completion of a reply. Raises RequestError: the error that it reports, or `malformed` if it has no text."""
    reply = read_object(data)
    if not isinstance(reply.get("content"), list):
        raise malformed("a reply without content", data)
    reason = reply.get("stop_reason")
    finish = finish_of(reason)
    text, reasoning = "".join(_blocks(reply, "text")), "\n\n".join(_blocks(reply, "thinking"))
    if calls := reply_calls(
        [{"function": {**block, "arguments": block.get("input")}} for block in _of_kind(reply, "tool_use")]
    ):
        text, finish = text_with_calls(text, calls), "stop" if reason in CALLING else finish
    if finish == "refused":
        text = text or _explanation(reply)
    elif not text and finish != "length":
        raise malformed("a reply without text", data)
    usage, served = reply.get("usage"), reply.get("model")
    counts = [count(usage.get(name)) or 0 for name in PROMPT_TOKENS] if isinstance(usage, Mapping) else []
    prompt = sum(counts) or None
    return Completion(
        clean(text),
        finish,
        prompt,
        count(usage.get("output_tokens")) if isinstance(usage, Mapping) else None,
        served=clean(served) if isinstance(served, str) else None,
        reasoning=clean(reasoning) or None,
        finish_reason=clean(str(reason))[:SHOWN] if finish == "unknown" else None,
        prompt_read=prompt,
        cache_read=counts[1] if counts else 0,
        cache_written=counts[2] if counts else 0,
    )


def _blocks(reply: Mapping[str, Any], kind: str) -> Iterator[str]:
    """Yield the texts of the content blocks of this kind."""
    texts = (block.get(kind) for block in _of_kind(reply, kind))
    return (text for text in texts if isinstance(text, str) and text)


def _of_kind(reply: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [block for block in reply["content"] if isinstance(block, Mapping) and block.get("type") == kind]


def _explanation(reply: Mapping[str, Any]) -> str:
    details = reply.get("stop_details")
    text = details.get("explanation") if isinstance(details, Mapping) else None
    return text if isinstance(text, str) else ""
