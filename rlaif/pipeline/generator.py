"""Generators, which sample responses: a model, a template and settings. A generator's key covers all three."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rlaif.config import Config, Generate, ModelConfig
from rlaif.config.templates import Template
from rlaif.core.errors import InputError
from rlaif.core.types import Message, Prompt, key
from rlaif.models import registry
from rlaif.models.base import Sampling

# The variables of a generator's template.
VARIABLES = frozenset({"document", "request", "metadata"})


@dataclass(frozen=True)
class Generator:
    """A model with the template and settings that responses are sampled with."""

    name: str
    model: ModelConfig
    template: Template
    settings: Generate
    where: str = ""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Return everything that affects its responses."""
        settings = self.settings
        return {
            "model": registry.identity(self.model, where=self.where),
            "template": self.template.text,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "max_tokens": settings.max_tokens,
            "seed": settings.seed,
        } | self._added

    @property
    def _added(self) -> dict[str, Any]:
        """The settings that older versions did not have; absent if they are not used."""
        kept = {"reasoning": "keep"} if self.settings.reasoning == "keep" else {}
        metadata = {"metadata": sorted(self.template.metadata)} if self.template.metadata else {}
        return kept | metadata | ({"system": self.settings.system} if self.settings.system else {})

    @property
    def sampling(self) -> Sampling:
        """The sampling settings of its requests."""
        settings = self.settings
        chosen = "temperature" in settings.model_fields_set
        return Sampling(settings.temperature, settings.top_p, settings.max_tokens, chosen)

    def show(self, prompt: Prompt) -> list[Message]:
        """Return a prompt's messages as the model reads them: rendered by the template, after the system prompt."""
        shown = show(self.template, prompt)
        if self.settings.system is None or shown[0]["role"] in ("system", "developer"):
            return shown
        return [{"role": "system", "content": self.settings.system}, *shown]

    @cached_property
    def key(self) -> str:
        return key("generator", self.spec)


def show(template: Template, prompt: Prompt) -> list[Message]:
    """Return the messages with the last user turn rendered by the template, with the document and the metadata it uses."""
    *before, last = prompt.messages
    if last["role"] != "user":
        return [*before, last]
    values = template.with_metadata(prompt.metadata)
    rendered: Message = {**last, "content": template.render(document=prompt.document, request=last["content"], **values)}
    return [*before, rendered]


def load_generator(config: Config) -> Generator:
    """Return the pipeline's generator.

    Raises InputError without a `generate` section, or for a template that shows neither the request nor the document.
    """
    settings = config.pipeline.generate
    if settings is None:
        raise InputError("no `generate` section", where=config.file.where(()), fix="Add one that names a model.")
    template = Template(config.find(settings.template, ("generate", "template")), VARIABLES)
    if not template.used & {"request", "document"}:
        raise InputError(
            "shows neither `request` nor `document`, so that all prompts would look the same",
            where=str(template.path),
            fix="Add {{ request }} to the template.",
        )
    config.pipeline.collect.check_metadata(template.metadata, str(template.path))
    where = config.file.where(("models", settings.model))
    return Generator(settings.model, config.pipeline.models[settings.model], template, settings, where)
