"""Prices of a model's tokens. An unknown price is None, never 0.

The price in the pipeline file comes first. Models on this machine cost nothing. Other prices come from the list of
genai-prices (`pip install 'rlaif[prices]'`; bundled with that package, no network). With the Batch API (`mode: batch`),
tokens cost half of the list price; a price in the pipeline file is used as written.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rlaif.config import AnthropicModel, ModelConfig, OpenAIModel
from rlaif.core.errors import InputError
from rlaif.models.registry import identity

# Kinds that compute on the user's hardware, which has no price per token.
LOCAL_KINDS: Final = frozenset({"scripted", "transformers", "vllm"})
MILLION: Final = 1_000_000
# Some vendors charge more beyond a certain prompt length; this number of tokens is below any such limit.
SAMPLE_TOKENS: Final = 1000
# The discount of every vendor with a Batch API.
BATCH_SHARE: Final = 0.5
# Anthropic's price of prompt tokens that are added to the prompt cache for five minutes, in prices of other prompt tokens.
WRITE_FACTOR: Final = 1.25


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars per million tokens, and their source: "file", "genai-prices", or "local" for the user's hardware.

    `cached_input` is the price of prompt tokens that a server reads from its prompt cache, `cache_write` of those that it
    adds to it; None is the price of other prompt tokens.
    """

    input: float
    output: float
    source: str
    cached_input: float | None = None
    cache_write: float | None = None

    def cost(self, prompt_tokens: float, output_tokens: float) -> float:
        """Return the cost in US dollars."""
        return (prompt_tokens * self.input + output_tokens * self.output) / MILLION

    def cached(self, tokens: float) -> float:
        """Return the change of the cost in US dollars because the server reads these prompt tokens from its cache."""
        return tokens * ((self.input if self.cached_input is None else self.cached_input) - self.input) / MILLION

    def added(self, tokens: float) -> float:
        """Return the change of the cost in US dollars because the server adds these prompt tokens to its cache."""
        return tokens * ((self.input if self.cache_write is None else self.cache_write) - self.input) / MILLION


LOCAL: Final = Rate(0.0, 0.0, "local")


def rate(model: ModelConfig) -> Rate | None:
    """Return the price of the model's tokens; None if it is unknown."""
    if price := model.price:
        write = price.input * WRITE_FACTOR if model.kind == "anthropic" else None
        return Rate(price.input, price.output, "file", price.cached_input, write)
    if model.kind in LOCAL_KINDS:
        return LOCAL
    listed = _listed(identity(model))
    if listed and isinstance(model, OpenAIModel) and model.mode == "batch":
        prices = ("input", "output", "cached_input", "cache_write")
        return replace(listed, **{name: getattr(listed, name) * BATCH_SHARE for name in prices})
    return listed


def recorded_rate(
    recorded: Mapping[str, Any], models: Mapping[str, ModelConfig], known: str | None = None
) -> tuple[str, Rate | None]:
    """Return name and rate of a model that a store knows by its identity.

    `models` are those of the pipeline file; any other model has the name `known`, if it is given.
    """
    for name, model in models.items():
        if model.kind == recorded.get("kind") and _is(model, recorded):
            return name, rate(model)
    name = str(known or recorded.get("model") or f"{recorded.get('kind')} {str(recorded.get('checkpoint'))[:8]}")
    return name, LOCAL if recorded.get("kind") in LOCAL_KINDS else _listed(recorded)


def served_rate(server: str, name: str, models: Mapping[str, ModelConfig]) -> tuple[str, Rate | None]:
    """Return name and rate of a model that a store knows by its server and its name there."""
    from rlaif.models.openai.credentials import public_url

    for own, model in models.items():
        if isinstance(model, OpenAIModel | AnthropicModel) and (public_url(model.base_url), model.model) == (server, name):
            return own, rate(model)
    return name, _listed({"server": server, "model": name})


def _is(model: ModelConfig, recorded: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads(json.dumps(identity(model))) == recorded)
    except InputError:  # a checkpoint that no longer exists
        return False


def _listed(recorded: Mapping[str, Any]) -> Rate | None:
    """Return the list price of a served model, by its name and the address of its server."""
    try:
        from genai_prices import Usage, calc_price
    except ModuleNotFoundError:
        return None
    server = recorded.get("server")
    address = server[0] if isinstance(server, list) else server
    counts = {"input_tokens": SAMPLE_TOKENS, "output_tokens": SAMPLE_TOKENS}
    uses = [
        Usage(**counts, **more) for more in ({}, {"cache_read_tokens": SAMPLE_TOKENS}, {"cache_write_tokens": SAMPLE_TOKENS})
    ]
    try:
        plain, read, write = (calc_price(use, str(recorded.get("model")), provider_api_url=str(address)) for use in uses)
    except LookupError:
        return None
    prices = (plain.input_price, plain.output_price, read.input_price, write.input_price)
    found = [float(price) * (MILLION / SAMPLE_TOKENS) for price in prices]
    return Rate(found[0], found[1], "genai-prices", cached_input=found[2], cache_write=found[3])
