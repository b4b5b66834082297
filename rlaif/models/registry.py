"""Open language models of any kind. `rlaif.models.base` defines requests and completions.

async with open_model(config) as model:
    completions = await model.complete(ChatRequest(messages))
"""

import asyncio
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rlaif.config import AnthropicModel, ModelConfig, OpenAIModel, ScriptedModel, TransformersModel, VllmModel
from rlaif.core.errors import InputError
from rlaif.models.base import Model

# Each kind's class is imported when it is first opened, because planning, pairing and reporting need none of them.
KINDS: Final = {
    "scripted": "rlaif.models.fake.client:Scripted",
    "transformers": "rlaif.models.local.client:Transformers",
    "openai": "rlaif.models.openai.client:OpenAI",
    "openai batch": "rlaif.models.openai.batch.client:OpenAIBatch",
    "anthropic": "rlaif.models.anthropic.client:Anthropic",
    "vllm": "rlaif.models.vllm.client:Vllm",
}
# The classes of reward models, which complete a chat with the reward of its last turn.
REWARDS: Final = KINDS | {
    "transformers": "rlaif.models.local.reward_model:TransformersReward",
    "openai": "rlaif.models.openai.reward_model:OpenAIReward",
    "vllm": "rlaif.models.vllm.client:VllmReward",
}
# Kinds that use this machine's memory and cores. Only one of them is open at a time; others overlap freely.
LOCAL: Final = frozenset({"transformers", "vllm"})


def open_model(config: ModelConfig, *, where: str = "", folder: Path | None = None, rewards: bool = False) -> Model:
    """Return the model of `config`, to be entered with `async with`. Raises InputError (at `where`) if it cannot work.

    `folder` is where a model in batch mode records what it sent, which requires one. `rewards` opens it as a reward model.
    """
    batch = isinstance(config, OpenAIModel) and config.mode == "batch"
    if batch and rewards:
        raise InputError("the Batch API has no rewards", where=where, fix="Give the reward model `mode: live`.")
    if rewards and isinstance(config, AnthropicModel):
        raise InputError("Anthropic's API has no rewards", where=where, fix="Use a model of another kind.")
    if batch and folder is None:
        raise ValueError("a model in batch mode needs a folder")
    kinds = REWARDS if rewards else KINDS
    module, name = kinds["openai batch" if batch else config.kind].split(":")
    options = {"folder": folder} if batch else {}
    model: Model = getattr(import_module(module), name)(config, where=where, **options)
    return model


class Models:
    """A set of open models: each is opened on first use, shared by all its users, and closed at the end.

    `folder` is passed to `open_model`.

    async with Models(folder) as models:
        model = await models.get(config)
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self._open: list[tuple[ModelConfig, bool, Model]] = []
        self._lock = asyncio.Lock()

    async def get(self, config: ModelConfig, *, where: str = "", rewards: bool = False) -> Model:
        """Return the open model of this configuration, as a reward model if `rewards`."""
        async with self._lock:
            for known, kind, model in self._open:
                if known == config and kind == rewards:
                    return model
            opened = open_model(config, where=where, folder=self._folder, rewards=rewards)
            model = await self._stack.enter_async_context(opened)
            self._open.append((config, rewards, model))
            return model

    @property
    def opened(self) -> list[Model]:
        """The models that are open."""
        return [model for _, _, model in self._open]

    async def embedder(self, config: OpenAIModel, *, where: str = "") -> Model:
        """Return the model of this configuration, opened as an embedding model."""
        from rlaif.models.openai.embeddings import OpenAIEmbed

        return await self._stack.enter_async_context(OpenAIEmbed(config, where=where))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def is_local(config: ModelConfig) -> bool:
    """Return whether the model computes on this machine's device, so that another such model must be closed first."""
    return config.kind in LOCAL


# Request fields that decide where a request goes or how it is accounted for, but not what the model answers.
ROUTING: Final = frozenset(
    {"provider", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "priority"}
)


def identity(config: ModelConfig, *, where: str = "") -> dict[str, Any]:
    """Return what identifies a model in content keys; never a secret, a path, or a setting that changes only speed.

    A checkpoint folder is identified by the content of its files, a hub checkpoint by name and revision, a served model by
    server and name. Takes milliseconds and loads nothing. Raises InputError (at `where`) for a folder that does not exist.
    """
    if isinstance(config, ScriptedModel):
        bias = {} if config.first_choice is None else {"first_choice": config.first_choice}
        return {"kind": config.kind, "salt": config.salt, "malformed": config.malformed} | bias
    if isinstance(config, OpenAIModel | AnthropicModel):
        from rlaif.models.openai.credentials import public_url

        served = {"kind": config.kind, "server": public_url(config.base_url), "model": config.model}
        return served | _extra(config)
    from rlaif.models.local.checkpoint import fingerprint

    known: dict[str, Any] = {
        "kind": config.kind,
        "dtype": config.dtype,
        **fingerprint(config.path, config.revision, where=where),
    }
    if isinstance(config, VllmModel):
        from rlaif.models.vllm.args import telling

        known["options"] = telling(config.options)
    return known | _extra(config)


def _extra(config: TransformersModel | OpenAIModel | AnthropicModel | VllmModel) -> dict[str, Any]:
    """Return the additional request fields that affect responses; nothing if there are none."""
    fields = {name: value for name, value in config.extra.items() if name not in ROUTING}
    return {"extra": fields} if fields else {}
