"""Section `models`: one class a kind of model."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from rlaif.config.base import Section

# A reference to an environment variable.
API_KEY: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Price(Section):
    """What a model's tokens cost, in US dollars per million."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class ModelSection(Section):
    """What every kind of model may say."""

    price: Price | None = None
    """What its tokens cost; where omitted, models of this machine cost none, and genai-prices may know the others."""


class ScriptedModel(ModelSection):
    """Deterministic answers made from digests: for tests and dry runs. Never a judgement of anything."""

    kind: Literal["scripted"]
    salt: str = ""
    """Another salt, another (equally arbitrary) model."""
    malformed: float = Field(0.0, ge=0, le=1)
    """Share of asks answered with text that is no verdict."""
    delay: float = Field(0.0, ge=0)
    """Seconds before each answer."""


class TransformersModel(ModelSection):
    """A checkpoint in this process: small models on CPU, MPS or one GPU."""

    kind: Literal["transformers"]
    path: str
    """A checkpoint folder, a hub name, or `tiny:writer` / `tiny:judge`, which ship with rlaif."""
    revision: str | None = None
    """The commit of a hub checkpoint."""
    dtype: Literal["auto", "float32", "float64", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `mps`."""
    batch: int = Field(64, ge=1)
    """Completions computed at once."""
    trust_remote_code: bool = False
    """Run code that the checkpoint brings. Only for checkpoints that you trust as you trust a program."""


class OpenAIModel(ModelSection):
    """Any server that speaks the OpenAI chat API."""

    kind: Literal["openai"]
    model: str
    """The model's name on the server."""
    base_url: str | list[str] | None = None
    """The server, e.g. http://127.0.0.1:8000/v1, or several that serve the same model; the vendor's own where omitted."""
    api_key: str = "env:OPENAI_API_KEY"
    """A reference to the secret, `env:NAME`; never the secret itself."""
    api_version: str | None = None
    """For Azure: its API version; `base_url` is then the resource's address, and `model` the deployment."""
    mode: Literal["live", "batch"] = "live"
    """`batch` sends everything through the Batch API: half the price, answers within a day; `concurrency` and the limits per
    minute are those of `live` requests."""
    concurrency: int = Field(256, ge=1)
    """Requests in flight at most, to all its servers together; fewer while a server says that there are too many."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Where the vendor's limit is known, requests keep below it."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """The same for tokens of prompts and outputs, by estimate before and by the reply's own count after."""
    timeout: float = Field(120.0, gt=0)
    """Seconds for one attempt, all told."""
    start_timeout: float = Field(0.0, ge=0)
    """Seconds for which a server is waited for that is not there yet, or is still loading."""
    attempts: int = Field(6, ge=1)
    """Tries per request, the first included."""
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the server is held to the verdict's form."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the bound on output tokens."""

    @model_validator(mode="after")
    def _key_is_a_reference(self) -> "OpenAIModel":
        if not API_KEY.fullmatch(self.api_key):
            raise ValueError("api_key must be a reference such as env:OPENAI_API_KEY, so that no secret is stored")
        return self


# Flags of vLLM's server that follow from settings, and that setting; those without one are rlaif's own.
TAKEN: Final = {
    "host": None, "port": None, "uds": None, "served_model_name": None, "api_key": None, "ssl_keyfile": None,
    "root_path": None,
    "model": "path", "revision": "revision", "dtype": "dtype", "tensor_parallel_size": "tensor_parallel",
    "data_parallel_size": "data_parallel", "max_model_len": "max_model_len", "gpu_memory_utilization": "gpu_memory",
}  # fmt: skip


class VllmModel(ModelSection):
    """Open weights on this machine's devices, served by vLLM, which is started and ended for it."""

    kind: Literal["vllm"]
    path: str
    """A checkpoint folder, a hub name, or `tiny:writer` / `tiny:judge`, which ship with rlaif."""
    revision: str | None = None
    """The commit of a hub checkpoint."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    tensor_parallel: int = Field(1, ge=1)
    """GPUs that share one copy of the model."""
    data_parallel: int = Field(1, ge=1)
    """Copies of the model, each on GPUs of its own."""
    max_model_len: int | None = Field(None, ge=1)
    """Tokens of prompt and output together; what the checkpoint says where omitted."""
    gpu_memory: float | None = Field(None, gt=0, le=1)
    """Share of each GPU's memory to take; vLLM's own choice where omitted."""
    options: dict[str, Any] = {}
    """Any other option of `vllm serve`: `max_num_seqs: 64` is its --max-num-seqs 64, `enforce_eager: true` its
    --enforce-eager."""
    concurrency: int = Field(256, ge=1)
    """Requests in flight at most."""
    timeout: float = Field(600.0, gt=0)
    """Seconds for one attempt, all told. A server that completes nothing for as long is started again."""
    attempts: int = Field(6, ge=1)
    """Tries per request, the first included."""
    start_timeout: float = Field(1800.0, gt=0)
    """Seconds until it must be ready, a download included."""
    restarts: int = Field(3, ge=0)
    """How often it is started again in one run, where it ends before its time."""

    @model_validator(mode="after")
    def _options_are_free(self) -> "VllmModel":
        for name in self.options:
            plain = name.replace("-", "_")
            if plain in TAKEN:
                other = TAKEN[plain]
                raise ValueError(f"option {name!r} is " + (f"the setting {other!r}" if other else "set by rlaif itself"))
        return self


ModelConfig = Annotated[ScriptedModel | TransformersModel | OpenAIModel | VllmModel, Field(discriminator="kind")]
