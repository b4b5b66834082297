"""A local server that speaks the dialects of today's model servers: what each refuses, ignores and returns.

with serving() as server:
    ...                     # DIALECTS[n] is spoken at address(server, n), by the models writer0, critic0, writer1, …
"""

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.support.servers import Reply, Request, Server, chat, choice, error, reply, serve

SECRET = "PONDERING"
"""Stands in all reasoning, and in nothing else that a server returns."""

IDS = count()
# What a critic thinks of an answer, by the word in it.
SCORES = {"good": 5, "poor": 1}


@dataclass(frozen=True)
class Dialect:
    """`config` are the keys of the pipeline's models, `refuses` the error for a request, if any, and `says` the reply.

    `reasons` says whether reasoning is returned, `left_out` what the client must learn to leave out.
    """

    says: Callable[[Request, Sequence[str]], Reply]
    refuses: Callable[[Mapping[str, Any]], Reply | None] = lambda body: None
    config: Mapping[str, Any] = field(default_factory=lambda: {"kind": "openai"})
    reasons: bool = True
    left_out: frozenset[tuple[str, str]] = frozenset()
    cached: int = 0


def answers(request: Request, asked: Counter[str]) -> list[str]:
    """The texts of a request's completions: a critic's verdict, or good and poor answers in turn.

    `asked` counts the requests to each writer with the same messages.
    """
    shown, model = json.dumps(request.body["messages"]), request.body["model"]
    if model.startswith("critic"):
        found = re.search(r"A (good|poor) answer", shown)
        return [json.dumps({"help": {"rationale": "It is so.", "score": SCORES[found[1]] if found else 5}})]
    completions = request.body.get("n", 1)
    first = asked[model + shown]
    asked[model + shown] += 1
    return [f"A {'poor' if (first + place) % 2 else 'good'} answer of {model}." for place in range(completions)]


def usage(cached: int = 0) -> dict[str, Any]:
    return {"prompt_tokens": 900, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": cached}}


def choices(request: Request, texts: Sequence[str], **fields: Any) -> Reply:
    listed = [choice(text, index, **fields) for index, text in enumerate(texts)]
    return chat(*listed, usage=usage())


def unknown_fields(*names: str) -> Callable[[Mapping[str, Any]], Reply | None]:
    """Gemini lists all fields that it does not know, in a list of errors."""

    def refuses(body: Mapping[str, Any]) -> Reply | None:
        lines = [
            f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.' for name in names if name in body
        ]
        details = {"code": 400, "message": "\n".join(lines), "status": "INVALID_ARGUMENT"}
        return reply([{"error": details}], 400) if lines else None

    return refuses


def gpt5(body: Mapping[str, Any]) -> Reply | None:
    if "logprobs" in body:
        return error(403, "You are not allowed to request logprobs from this model.")
    if "max_tokens" in body:
        return error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    if body.get("temperature", 1) != 1:
        return error(
            400, "Unsupported value: 'temperature' does not support 0 with this model. Only the default is supported."
        )
    return None


def deepseek(body: Mapping[str, Any]) -> Reply | None:
    if "logprobs" in body:
        return error(400, "deepseek-reasoner does not support the parameter `logprobs`")
    if body.get("response_format", {}).get("type") == "json_schema":
        return error(400, "This response_format type is unavailable now")
    return None


def mistral(body: Mapping[str, Any]) -> Reply | None:
    known = {"model", "messages", "max_tokens", "temperature", "top_p", "n", "response_format", "random_seed", "tools"}
    unknown = [
        {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
        for name in {*body} - known
    ]
    return (
        reply({"object": "error", "message": {"detail": unknown}, "type": "invalid_request_error"}, 422) if unknown else None
    )


def mistral_parts(request: Request, texts: Sequence[str]) -> Reply:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": f"{SECRET} first."}]}
    listed = [choice(None, index) for index in range(len(texts))]
    for each, text in zip(listed, texts, strict=True):
        each["message"]["content"] = [thinking, {"type": "text", "text": text}]
    return chat(*listed, usage=usage())


def qwen(request: Request, texts: Sequence[str]) -> Reply:
    """Thinks in the text, unless the request's template switch is off."""
    on = request.body.get("chat_template_kwargs", {}).get("enable_thinking", True)
    thought = f"<think>\n{SECRET} first.\n</think>\n\n" if on else ""
    return choices(request, [thought + text for text in texts])


def claude(body: Mapping[str, Any]) -> Reply | None:
    for name in ("temperature", "top_p", "top_k", "seed", "n", "logprobs", "response_format"):
        if name in body:
            said = f"`{name}` is deprecated for this model." if name != "seed" else "seed: Extra inputs are not permitted"
            return reply({"type": "error", "error": {"type": "invalid_request_error", "message": said}}, 400)
    if any(turn["role"] not in ("user", "assistant") for turn in body["messages"]):
        return reply({"type": "error", "error": {"type": "invalid_request_error", "message": "messages: role"}}, 400)
    schema = json.dumps(body.get("output_config", {}))
    if '"minimum"' in schema or '"maximum"' in schema:
        said = "output_config.format.schema: For 'integer' type, property 'minimum' is not supported"
        return reply({"type": "error", "error": {"type": "invalid_request_error", "message": said}}, 400)
    return None


def messages_api(request: Request, texts: Sequence[str]) -> Reply:
    content = [
        {"type": "thinking", "thinking": f"{SECRET} first.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "text", "text": texts[0]},
    ]
    counts = {"input_tokens": 100, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 100, "output_tokens": 9}
    whole = {
        "id": f"msg_{next(IDS)}",
        "type": "message",
        "role": "assistant",
        "model": request.body["model"],
        "content": content,
    }
    return reply(whole | {"stop_reason": "end_turn", "stop_sequence": None, "usage": counts})


DIALECTS: Mapping[str, Dialect] = {
    "OpenAI": Dialect(lambda request, texts: chat(*texts, usage=usage(cached=600)), reasons=False, cached=600),
    "GPT-5": Dialect(
        lambda request, texts: chat(*texts, usage=usage()),
        gpt5,
        reasons=False,
        left_out=frozenset({("left out", "logprobs"), ("renamed", "max_tokens"), ("left out", "temperature")}),
    ),
    "vLLM with a reasoning parser": Dialect(
        lambda request, texts: choices(request, texts, reasoning=f"{SECRET} first.", reasoning_content=f"{SECRET} first.")
    ),
    "vLLM without one": Dialect(
        lambda request, texts: choices(request, [f"{SECRET} first.\n</think>\n\n{text}" for text in texts])
    ),
    "DeepSeek": Dialect(
        # Several completions are not supported, and `n` is ignored.
        lambda request, texts: choices(request, texts[:1], reasoning_content=f"{SECRET} first."),
        deepseek,
        {"kind": "openai", "structured": "json_object"},
        left_out=frozenset({("left out", "logprobs")}),
    ),
    "Qwen, thinking": Dialect(qwen),
    "Qwen, not thinking": Dialect(
        qwen, config={"kind": "openai", "extra": {"chat_template_kwargs": {"enable_thinking": False}}}, reasons=False
    ),
    "Mistral": Dialect(mistral_parts, mistral, left_out=frozenset({("left out", "seed"), ("left out", "logprobs")})),
    "Anthropic": Dialect(messages_api, claude, {"kind": "anthropic"}, cached=700),
    "Gemini": Dialect(
        lambda request, texts: choices(request, [f"<thought>{SECRET} first.</thought>{text}" for text in texts]),
        unknown_fields("seed", "logprobs", "top_logprobs", "reasoning"),
        {"kind": "openai", "extra": {"reasoning_effort": "low"}},
        left_out=frozenset({("left out", "seed"), ("left out", "logprobs")}),
    ),
    "OpenRouter": Dialect(
        lambda request, texts: choices(
            request,
            texts[:1],
            reasoning=f"{SECRET} first.",
            reasoning_details=[{"type": "reasoning.text", "text": f"{SECRET} first."}],
        ),
        config={"kind": "openai", "extra": {"provider": {"order": ["a"], "require_parameters": True}}},
    ),
}


def address(server: Server, number: int) -> str:
    """Where the dialect of this number is spoken."""
    return server.base_url.replace("/v1", f"/{number}/v1")


@contextmanager
def serving() -> Iterator[Server]:
    """Serve all dialects from a separate thread, each at its address."""
    ready, ended = threading.Event(), asyncio.Event()
    found: list[Server] = []
    loop = asyncio.new_event_loop()
    asked: Counter[str] = Counter()

    def script(request: Request) -> Reply:
        dialect = list(DIALECTS.values())[int(request.path.split("/")[1])]
        return dialect.refuses(request.body) or dialect.says(request, answers(request, asked))

    async def run() -> None:
        names = [f"{role}{number}" for number in range(len(DIALECTS)) for role in ("writer", "critic")]
        async with serve([script], models=names) as server:
            found.append(server)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        ready.wait()
        yield found[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
