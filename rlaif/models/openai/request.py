"""Build the body of a chat completion request and a bound on its reply, with pure functions."""

from collections.abc import Mapping
from typing import Any, Final

from rlaif.config import OpenAIModel
from rlaif.core.tool_calls import tools_of
from rlaif.core.types import Message
from rlaif.models.base import ChatRequest
from rlaif.models.openai.capabilities import Dialect

# The largest seed that every server accepts.
SEEDS: Final = 2**31
# The maximum bytes of a normal reply: a constant, per token with its escapes, and per alternative to a token.
REPLY, TOKEN, ALTERNATIVE = 8 * 2**20, 64, 256


def body(
    config: OpenAIModel, request: ChatRequest, seeds: tuple[int, ...], dialect: Dialect | None = None
) -> dict[str, Any]:
    """Return the request body for the completions of `seeds`, which are a part of the request's seeds."""
    dialect = dialect or Dialect.of(config)
    payload: dict[str, Any] = {
        "model": config.model,
        "messages": [_without_tools(turn) for turn in request.messages],
        dialect.max_tokens: request.sampling.max_tokens,
    }
    if request.sampling.temperature is not None and (dialect.temperature or request.sampling.chosen):
        payload["temperature"] = request.sampling.temperature
    if dialect.seed:
        payload["seed"] = seeds[0] % SEEDS
    if len(seeds) > 1:
        payload["n"] = len(seeds)
    if request.sampling.top_p < 1:
        payload["top_p"] = request.sampling.top_p
    if request.top_logprobs is not None and (dialect.logprobs or request.top_logprobs):
        payload["logprobs"] = True
        if request.top_logprobs:
            payload["top_logprobs"] = request.top_logprobs
    if tools := tools_of(request.messages):
        payload["tools"] = tools
    form = _response_format(config, request.schema)
    return payload | ({"response_format": form} if form else {}) | config.extra


def _without_tools(turn: Message) -> Mapping[str, Any]:
    return {name: value for name, value in turn.items() if name != "tools"} if "tools" in turn else turn


def most_bytes(request: ChatRequest, n: int) -> int:
    """Return the maximum size in bytes of the reply to a request for `n` completions; a longer reply is not an answer."""
    alternatives = 0 if request.top_logprobs is None else 1 + request.top_logprobs
    return REPLY + n * request.sampling.max_tokens * (TOKEN + ALTERNATIVE * alternatives)


def _response_format(config: OpenAIModel, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if schema is None or config.structured == "none":
        return None
    if config.structured == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": dict(schema)}}
