"""Section `models`: one class per kind of model."""

import re
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from rlaif.config.base import Section

# A reference to an environment variable.
API_KEY: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


# Fields of a request that follow from other settings, with the setting.
SET_ELSEWHERE: Final = {
    "model": "model",
    "messages": "generate.template",
    "tools": "a column of the prompts",
    "n": "generate.samples",
    "seed": "generate.seed",
    "temperature": "generate.temperature or the judge's temperature",
    "top_p": "generate.top_p",
    "max_tokens": "generate.max_tokens or the judge's max_tokens",
    "max_completion_tokens": "generate.max_tokens or the judge's max_tokens",
    "logprobs": "logprobs",
    "top_logprobs": "logprobs",
    "response_format": "structured",
}
# Headers that the transport writes, and the key, which is `api_key`.
OWN_HEADERS: Final = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "connection",
        "transfer-encoding",
        "accept",
        "accept-encoding",
        "authorization",
    }
)
HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
SECRET_HEADER: Final = re.compile(r"key|token|secret|auth|cookie|password|credential", re.IGNORECASE)


def _free(extra: dict[str, Any]) -> dict[str, Any]:
    for name in extra:
        if name in SET_ELSEWHERE:
            raise ValueError(f"{name!r} is set by {SET_ELSEWHERE[name]}")
        if name == "stream":
            raise ValueError("rlaif reads whole replies, so 'stream' cannot be set")
    return extra


Extra = Annotated[dict[str, Any], AfterValidator(_free)]


def _free_in_messages(extra: dict[str, Any]) -> dict[str, Any]:
    if "system" in extra:
        raise ValueError("'system' is set by generate.system")
    config = extra.get("output_config")
    if config is not None and not isinstance(config, dict):
        raise ValueError("'output_config' must be a mapping")
    if config and "format" in config:
        raise ValueError("'output_config.format' is set by structured")
    return _free(extra)


MessagesExtra = Annotated[dict[str, Any], AfterValidator(_free_in_messages)]


# Variables that a chat template gets from the chat or the tokenizer.
OF_THE_CHAT: Final = frozenset({"messages", "tools", "documents", "add_generation_prompt", "continue_final_message"})


def _of_the_template(extra: dict[str, Any]) -> dict[str, Any]:
    for name in extra:
        if name != "chat_template_kwargs":
            raise ValueError(f"{name!r} is a field of requests to a server; a model in this process has no such option")
    variables = extra.get("chat_template_kwargs", {})
    if not isinstance(variables, dict):
        raise ValueError("'chat_template_kwargs' must be a mapping")
    for name, value in variables.items():
        if name in OF_THE_CHAT or name.endswith("_token") or not name.isidentifier() or iskeyword(name):
            raise ValueError(f"chat_template_kwargs cannot set {name!r}")
        if not isinstance(value, bool | int | float | str | None):
            raise ValueError(f"chat_template_kwargs.{name} must be a string, a number, true, false or null")
    return extra


TemplateExtra = Annotated[dict[str, Any], AfterValidator(_of_the_template)]


class Price(Section):
    """The price of a model's tokens, in US dollars per million."""

    input: float = Field(ge=0)
    """The price of prompt tokens."""
    output: float = Field(ge=0)
    """The price of output tokens."""
    cached_input: float | None = Field(None, ge=0)
    """The price of prompt tokens that the server reads from its prompt cache; by default, that of other prompt tokens."""


class ModelSection(Section):
    """The keys that every kind of model has."""

    price: Price | None = None
    """The price of the model's tokens. By default, models that run on this machine are free, and the prices of other models
    are looked up in genai-prices."""


class ScriptedModel(ModelSection):
    """A model with deterministic replies made from digests, for tests and dry runs. Its scores carry no meaning."""

    kind: Literal["scripted"]
    salt: str = ""
    """A string that seeds the replies; each salt gives a different, equally arbitrary model."""
    malformed: float = Field(0.0, ge=0, le=1)
    """The share of requests that are answered with text that is not a valid verdict."""
    first_choice: float | None = Field(None, ge=0, le=1)
    """The share of choices that fall on the first alternative, as those of a judge that prefers the response shown first. By
    default, all alternatives are equally likely."""
    delay: float = Field(0.0, ge=0)
    """The delay before each reply, in seconds."""


class TransformersModel(ModelSection):
    """A checkpoint that runs in this process with the transformers library: small models on CPU, MPS or one GPU."""

    kind: Literal["transformers"]
    path: str
    """A checkpoint folder, a hub name, `tiny:writer` / `tiny:judge`, which ship with rlaif, or a GGUF file: `model.gguf`, or
    `package:NAME/model.gguf` inside an installed Python package. A GGUF file is converted once, into a cache folder."""
    revision: str | None = None
    """The commit of a hub checkpoint."""
    dtype: Literal["auto", "float32", "float64", "bfloat16", "float16"] = "auto"
    """The data type of the weights; `auto` is the checkpoint's data type."""
    device: str = "auto"
    """The device: `auto`, `cpu`, `cuda` or `mps`."""
    batch: int = Field(64, ge=1)
    """The maximum number of completions that are computed in one batch."""
    extra: TemplateExtra = {}
    """`chat_template_kwargs`: variables of the chat template, such as `enable_thinking: false`. They hold wherever the model
    generates, judges or is trained, and are part of its identity."""
    trust_remote_code: bool = False
    """Run code that the checkpoint contains. Set this only for checkpoints that you trust as you trust a program."""


class ServedModel(ModelSection):
    """The keys that models on a server share."""

    model: str
    """The model's name on the server."""
    api_key: str
    """The environment variable that holds the API key, as `env:NAME`; never the key itself."""
    concurrency: int = Field(256, ge=1)
    """The maximum number of requests in flight, over all servers of the model; rlaif lowers it while a server reports
    overload."""
    requests_per_minute: int | None = Field(None, ge=1)
    """The server's rate limit in requests per minute; rlaif stays below it."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """The server's rate limit in prompt and output tokens per minute; rlaif estimates each request's tokens before it is
    sent and corrects them by the reply's token counts."""
    timeout: float = Field(120.0, gt=0)
    """The deadline of one attempt in seconds, from sending the request to the end of the reply."""
    attempts: int = Field(6, ge=1)
    """The maximum number of attempts per request, the first included."""
    headers: dict[str, str] = {}
    """Additional headers of every request. A value `env:NAME` is read from an environment variable; secrets must be such
    references."""

    @model_validator(mode="after")
    def _headers_can_be_sent(self) -> Self:
        for name, value in self.headers.items():
            if not HEADER.fullmatch(name) or name.lower() in OWN_HEADERS:
                raise ValueError(f"header {name!r} cannot be set here")
            if SECRET_HEADER.search(name) and not API_KEY.fullmatch(value):
                raise ValueError(f"header {name!r} may hold a secret: give it as env:NAME")
        return self

    @model_validator(mode="after")
    def _key_is_a_reference(self) -> Self:
        if not API_KEY.fullmatch(self.api_key):
            example = type(self).model_fields["api_key"].default
            raise ValueError(f"api_key must be a reference such as {example}, so that no secret is stored")
        return self


class ServerFile(Section):
    """A file that lists the servers of a model, one address per line. rlaif reads it again and again while it runs."""

    file: str
    """The file, relative to the folder of the pipeline file."""
    _folder: Path = PrivateAttr(Path())

    def beside(self, folder: Path) -> None:
        """Look for the file in this folder, that of the pipeline file."""
        self._folder = folder

    @property
    def path(self) -> Path:
        """The path of the file: in the folder of the pipeline file or, if only that exists, in the working directory."""
        own, here = self._folder / self.file, Path(self.file)
        return here if here.exists() and not own.exists() else own


class OpenAIModel(ServedModel):
    """A model on any server that speaks the OpenAI chat API."""

    kind: Literal["openai"]
    base_url: str | list[str] | ServerFile | None = None
    """The server's address, such as http://127.0.0.1:8000/v1; a list of servers that serve the same model; or
    `{file: servers.txt}`, a file of such servers, which may come and go during a run. The default is OpenAI's API."""
    api_key: str = "env:OPENAI_API_KEY"
    api_version: str | None = None
    """The API version, for Azure only; `base_url` is then the address of the resource, and `model` the deployment."""
    mode: Literal["live", "batch"] = "live"
    """`live` sends single requests; `batch` sends everything through the Batch API, at half the price and with replies
    within a day. `concurrency` and the limits per minute apply to `live` only."""
    start_timeout: float = Field(0.0, ge=0)
    """How long to wait for a server that is not reachable yet or is still loading, in seconds."""
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the server is asked to enforce the JSON format of a verdict: by its schema, as any JSON object, or not at all."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name of the request field that limits output tokens."""
    extra: Extra = {}
    """Additional fields of every request's body, such as `top_k`, `min_p`, `reasoning_effort`, `stop`,
    `chat_template_kwargs` or a provider's routing. Fields that change responses are part of the model's identity; the fields
    `provider`, `user`, `metadata`, `store`, `service_tier`, `safety_identifier`, `prompt_cache_key` and `priority` are
    not."""

    @model_validator(mode="after")
    def _fleet_is_live(self) -> Self:
        if isinstance(self.base_url, ServerFile) and (self.mode == "batch" or self.api_version):
            raise ValueError("a file of servers goes with neither `mode: batch` nor `api_version`")
        return self


class AnthropicModel(ServedModel):
    """A Claude model through Anthropic's Messages API, which needs the package `anthropic` (`rlaif[anthropic]`)."""

    kind: Literal["anthropic"]
    base_url: str = "https://api.anthropic.com"
    """The server's address, with or without `/v1`."""
    api_key: str = "env:ANTHROPIC_API_KEY"
    mode: Literal["live", "batch"] = "live"
    """Only `live` is supported: single requests."""
    concurrency: int = Field(64, ge=1)
    """The maximum number of requests in flight; rlaif lowers it while the server reports overload."""
    timeout: float = Field(600.0, gt=0)
    """The deadline of one attempt in seconds, from sending the request to the end of the reply."""
    structured: Literal["json_schema", "none"] = "json_schema"
    """Whether the server is asked to enforce the JSON format of a verdict by its schema, which older models refuse."""
    prompt_caching: bool = True
    """Mark a long document that several requests share for the server's prompt cache. The first request then writes the
    document to the cache, at 1.25 times the price, and the others read it at a tenth."""
    extra: MessagesExtra = {}
    """Additional fields of every request's body, such as `thinking`, `output_config`, `top_k` or `stop_sequences`. Fields
    that change responses are part of the model's identity; `metadata` and `service_tier` are not."""

    @field_validator("base_url")
    @classmethod
    def _without_version(cls, base_url: str) -> str:
        return base_url.rstrip("/").removesuffix("/v1")

    @field_validator("mode")
    @classmethod
    def _is_live(cls, mode: str) -> str:
        if mode == "batch":
            raise ValueError("rlaif does not use Anthropic's Message Batches API yet: set mode: live")
        return mode


# Flags of vLLM's server that follow from a setting, with that setting; rlaif itself sets those that map to None.
TAKEN: Final = {
    "host": None,
    "port": None,
    "uds": None,
    "served_model_name": None,
    "api_key": None,
    "ssl_keyfile": None,
    "root_path": None,
    "model": "path",
    "revision": "revision",
    "dtype": "dtype",
    "tensor_parallel_size": "tensor_parallel",
    "data_parallel_size": "data_parallel",
    "max_model_len": "max_model_len",
    "gpu_memory_utilization": "gpu_memory",
}


class VllmModel(ModelSection):
    """A checkpoint on this machine's devices, served by a vLLM server that rlaif starts and stops."""

    kind: Literal["vllm"]
    path: str
    """A checkpoint folder, a hub name, `tiny:writer` / `tiny:judge`, which ship with rlaif, or a GGUF file: `model.gguf`, or
    `package:NAME/model.gguf` inside an installed Python package. A GGUF file is converted once, into a cache folder."""
    revision: str | None = None
    """The commit of a hub checkpoint."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """The data type of the weights; `auto` leaves the choice to vLLM."""
    tensor_parallel: int = Field(1, ge=1)
    """The number of GPUs that share one copy of the model."""
    data_parallel: int = Field(1, ge=1)
    """The number of copies of the model, each on separate GPUs."""
    max_model_len: int | None = Field(None, ge=1)
    """The context length in tokens, prompt and output together; by default, the checkpoint's context length."""
    gpu_memory: float | None = Field(None, gt=0, le=1)
    """The share of each GPU's memory that vLLM may use; the default is vLLM's."""
    extra: Extra = {}
    """Additional fields of every request's body, such as `top_k`, `min_p` or `chat_template_kwargs`."""
    options: dict[str, Any] = {}
    """Any other option of `vllm serve`: `max_num_seqs: 64` becomes `--max-num-seqs 64`, and `enforce_eager: true` becomes
    `--enforce-eager`."""
    concurrency: int = Field(256, ge=1)
    """The maximum number of requests in flight."""
    timeout: float = Field(600.0, gt=0)
    """The deadline of one attempt in seconds. If the server completes no request for this long, rlaif restarts it."""
    attempts: int = Field(6, ge=1)
    """The maximum number of attempts per request, the first included."""
    start_timeout: float = Field(1800.0, gt=0)
    """How long the server may take to become ready, in seconds, a download included."""
    restarts: int = Field(3, ge=0)
    """How often rlaif restarts the server in one run if it exits unexpectedly."""

    @model_validator(mode="after")
    def _options_are_free(self) -> "VllmModel":
        for name in self.options:
            plain = name.replace("-", "_")
            if plain in TAKEN:
                other = TAKEN[plain]
                raise ValueError(f"option {name!r} is " + (f"the setting {other!r}" if other else "set by rlaif itself"))
        return self


ModelConfig = Annotated[
    ScriptedModel | TransformersModel | OpenAIModel | AnthropicModel | VllmModel, Field(discriminator="kind")
]
