"""Prices of a model's tokens. An unknown price is None, never 0.

The price in the pipeline file comes first. Models on this machine cost nothing. Other prices come from the list of
genai-prices (`pip install 'rlaif[prices]'`; bundled with that package, no network). With the Batch API (`mode: batch`),
tokens cost half of the list price; a price in the pipeline file is used as written.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rlaif.config import ModelConfig, OpenAIModel
from rlaif.core.errors import InputError
from rlaif.models.registry import identity

# Kinds that compute on the user's hardware, which has no price per token.
LOCAL_KINDS: Final = frozenset({"scripted", "transformers", "vllm"})
MILLION: Final = 1_000_000
# Some vendors charge more beyond a certain prompt length; this number of tokens is below any such limit.
SAMPLE_TOKENS: Final = 1000
# The discount of every vendor with a Batch API.
BATCH_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Rate:
    """US dollars per million tokens, and their source: "file", "genai-prices", or "local" for the user's hardware."""

    input: float
    output: float
    source: str

    def cost(self, prompt_tokens: float, output_tokens: float) -> float:
        """Return the cost in US dollars."""
        return (prompt_tokens * self.input + output_tokens * self.output) / MILLION


LOCAL: Final = Rate(0.0, 0.0, "local")


def rate(model: ModelConfig) -> Rate | None:
    """Return the price of the model's tokens; None if it is unknown."""
    if model.price:
        return Rate(model.price.input, model.price.output, "file")
    if model.kind in LOCAL_KINDS:
        return LOCAL
    listed = _listed(identity(model))
    if listed and isinstance(model, OpenAIModel) and model.mode == "batch":
        return replace(listed, input=listed.input * BATCH_SHARE, output=listed.output * BATCH_SHARE)
    return listed


def recorded_rate(recorded: Mapping[str, Any], models: Mapping[str, ModelConfig]) -> tuple[str, Rate | None]:
    """Return name and rate of a model that a store knows by its identity; `models` are those of the pipeline file."""
    for name, model in models.items():
        if model.kind == recorded.get("kind") and _is(model, recorded):
            return name, rate(model)
    name = str(recorded.get("model") or f"{recorded.get('kind')} {str(recorded.get('checkpoint'))[:8]}")
    return name, LOCAL if recorded.get("kind") in LOCAL_KINDS else _listed(recorded)


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
    usage = Usage(input_tokens=SAMPLE_TOKENS, output_tokens=SAMPLE_TOKENS)
    try:
        found = calc_price(usage, str(recorded.get("model")), provider_api_url=str(address))
    except LookupError:
        return None
    per_million = MILLION / SAMPLE_TOKENS
    return Rate(float(found.input_price) * per_million, float(found.output_price) * per_million, "genai-prices")
