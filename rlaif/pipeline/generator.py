"""Who samples responses, and how: a model, a template and settings. A generator's key covers all three."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rlaif.config import Config, Generate, ModelConfig
from rlaif.config.templates import Template
from rlaif.core.errors import InputError
from rlaif.core.types import Message, key
from rlaif.models import registry

# What a generator's template may use.
VARIABLES = frozenset({"document", "request"})


@dataclass(frozen=True)
class Generator:
    """Who samples, and how."""

    name: str
    model: ModelConfig
    template: Template
    settings: Generate
    where: str = ""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """All that decides what it says."""
        settings = self.settings
        return {
            "model": registry.identity(self.model, where=self.where),
            "template": self.template.text,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_tokens,
            "seed": settings.seed,
        }

    @cached_property
    def key(self) -> str:
        return key("generator", self.spec)


def show(template: Template, messages: list[Message], document: str | None) -> list[Message]:
    """The messages with the last user turn put through the template, together with the document."""
    *before, last = messages
    if last["role"] != "user":
        return messages
    return [*before, {"role": "user", "content": template.render(document=document, request=last["content"])}]


def generator(config: Config, model: ModelConfig | None = None, name: str | None = None) -> Generator:
    """The pipeline's generator, or the same with another `model` called `name` (a trained one, say)."""
    settings = config.pipeline.generate
    if settings is None:
        raise InputError("no `generate` section", where=config.file.where(()), fix="Say which model samples responses.")
    template = Template(config.find(settings.template, ("generate", "template")), VARIABLES)
    if not template.used:
        raise InputError(
            "shows neither `request` nor `document`, so that all prompts would look the same", where=str(template.path),
            fix="Put {{ request }} where it belongs.",
        )  # fmt: skip
    where = config.file.where(("models", settings.model))
    return Generator(name or settings.model, model or config.pipeline.models[settings.model], template, settings, where)
