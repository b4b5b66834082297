"""Section `generate`: how responses are sampled, by one generator or by a pool of several."""

from typing import Literal

from pydantic import Field, model_validator

from rlaif.config.base import Section


class SystemFile(Section):
    """System prompts or personas from a file. Each prompt gets one of them, chosen by the seed and the prompt's content."""

    file: str
    """A text file with one system prompt per line, or a data file (JSONL, JSON, CSV, Parquet)."""
    column: str = "system"
    """The column of a data file that holds the system prompts."""


class GeneratorSettings(Section):
    """The settings of one generator."""

    model: str | None = None
    """The model, a name from `models`."""
    name: str | None = None
    """The generator's name in reports, strategies and SQL; the default is the model's name."""
    template: str = "prompts/generate/grounded.jinja"
    """The prompt template, which renders the last user turn and its document."""
    samples: int = Field(4, ge=1)
    """The number of responses per prompt."""
    system: str | SystemFile | None = None
    """The system prompt, for prompts without a system message; or a file with many, of which each prompt gets one."""
    temperature: float | None = Field(1.0, ge=0)
    """The sampling temperature; 0 is greedy decoding, and null leaves the choice to the server. If a server refuses the
    default, it is left out."""
    top_p: float = Field(1.0, gt=0, le=1)
    """The probability mass of nucleus sampling; 1 turns it off."""
    max_tokens: int = Field(1024, ge=1)
    """The maximum number of output tokens per response."""
    reasoning: Literal["separate", "keep"] = "separate"
    """`separate` stores a model's reasoning apart from its response: judges never see it, and it is not counted, exported or
    trained on unless asked for. `keep` leaves it in the response."""
    seed: int = 0
    """The seed of sampling."""
    logprobs: bool = True
    """Store each response's total log-probability if the model reports it."""

    @property
    def label(self) -> str:
        """Return the generator's name."""
        return self.name or self.model or ""


class PoolGenerator(GeneratorSettings):
    """The settings of one generator of a pool."""

    always: bool = False
    """Whether this generator answers every prompt, besides those that `pick` chooses from the others."""


class Generate(GeneratorSettings):
    """How responses are sampled: by one `model`, or by a pool of `generators`, for which the other settings are defaults."""

    generators: list[PoolGenerator] = []
    """A pool of generators, instead of one model. Each takes the settings of this section that it does not set itself."""
    pick: int | None = Field(None, ge=1)
    """The number of generators of the pool that answer each prompt, besides those with `always`; the default is all. They
    are chosen by the seed, the prompt's content and the generators' names, so adding or removing a generator changes as few
    choices as possible."""
    part: tuple[int, int] | None = None
    """[K, N]: use only the K-th of N parts (counted from 0) of the prompts that are not held out, split by digest."""

    @property
    def pool(self) -> list[GeneratorSettings]:
        """Return the settings of each generator: one, unless `generators` lists several."""
        return [self._with_defaults(each) for each in self.generators] or [self._with_defaults(GeneratorSettings())]

    def settings_of(self, model: str) -> GeneratorSettings:
        """Return the settings with which a model is evaluated: those of its generator, if it has exactly one in the pool.

        With a pool, any other model has the settings of the section itself; without one, those of the generator.
        """
        own = [each for each in self.pool if each.model == model or not self.generators]
        return own[0] if len(own) == 1 else self._with_defaults(GeneratorSettings(model=model))

    def _with_defaults(self, settings: GeneratorSettings) -> GeneratorSettings:
        shared = (self.model_fields_set & GeneratorSettings.model_fields.keys()) - settings.model_fields_set
        return settings.model_copy(update={name: getattr(self, name) for name in shared})

    @model_validator(mode="after")
    def _one_form(self) -> "Generate":
        if self.model is None and not self.generators:
            raise ValueError("give `model`, or several `generators`")
        if self.pick is not None and not self.generators:
            raise ValueError("`pick` needs `generators` to pick from")
        picked_from = [each for each in self.generators if not each.always]
        if self.pick is not None and self.pick > len(picked_from):
            raise ValueError(f"`pick` is {self.pick}, and there are only {len(picked_from)} generators to pick from")
        if self.generators and self.name is not None:
            raise ValueError("give each of the `generators` its `name`, not the section")
        return self

    @model_validator(mode="after")
    def _generators_differ(self) -> "Generate":
        names, models = [each.label for each in self.pool], [each.model for each in self.pool]
        if None in models:
            raise ValueError(f"generator {models.index(None) + 1} names no `model`")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{names.count(name)} generators are called {name!r}: give each its own `name`")
        return self
