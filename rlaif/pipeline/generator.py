"""Generators, which sample responses: a model, a template and settings. A generator's key covers all three."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rlaif.config import Config, Generate, GeneratorSettings, ModelConfig, SystemFile
from rlaif.config.templates import Template
from rlaif.config.yaml import Place
from rlaif.core.errors import InputError
from rlaif.core.types import Message, Prompt, fraction, key
from rlaif.data.sources import records
from rlaif.data.sources.row_errors import RowError
from rlaif.models import registry
from rlaif.models.base import Sampling

# The variables of a generator's template.
VARIABLES = frozenset({"document", "request", "metadata"})
# A pool's generator in a later round has the name of the first round with this and the number of the round.
ROUND = ", round "


@dataclass(frozen=True)
class Pick:
    """The choice of generators per prompt: each prompt is answered by `count` of the pool's generators, given by name.

    `name` is this generator's. The order of digests of seed, prompt and name decides (rendezvous hashing, Thaler and
    Ravishankar 1998), so adding or removing a generator changes no choice that does not involve it.
    """

    name: str
    names: tuple[str, ...]
    count: int
    seed: int

    @property
    def parameters(self) -> dict[str, Any]:
        """Return it as parameters of queries over prompts."""
        return {"pick_name": self.name, "pick_from": list(self.names), "pick": self.count, "pick_seed": self.seed}


# The choice of a generator that answers every prompt.
EVERY_PROMPT = Pick("", (), 1, 0)


@dataclass(frozen=True)
class Generator:
    """A model with the template and settings that responses are sampled with.

    `systems` are the system prompts of a file, of which each prompt gets one. `pick` says which prompts it answers, and
    `stage` is the name of its stage.
    """

    name: str
    model: ModelConfig
    template: Template
    settings: GeneratorSettings
    where: str = ""
    systems: tuple[str, ...] = ()
    pick: Pick = EVERY_PROMPT
    stage: str = "generate"

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
        system = {"system": self.settings.system} if self.settings.system else {}
        if self.systems:
            system = {"systems": key("systems", list(self.systems))}
        return kept | metadata | system

    @property
    def sampling(self) -> Sampling:
        """The sampling settings of its requests."""
        settings = self.settings
        chosen = "temperature" in settings.model_fields_set
        return Sampling(settings.temperature, settings.top_p, settings.max_tokens, chosen)

    def render(self, prompt: Prompt) -> list[Message]:
        """Return a prompt's messages as the model reads them: rendered by the template, after the system prompt."""
        rendered = render_messages(self.template, prompt)
        system = self._system(prompt)
        if system is None or rendered[0]["role"] in ("system", "developer"):
            return rendered
        return [{"role": "system", "content": system}, *rendered]

    def _system(self, prompt: Prompt) -> str | None:
        if self.systems:
            return self.systems[int(fraction("system", self.settings.seed, prompt.key) * len(self.systems))]
        return self.settings.system if isinstance(self.settings.system, str) else None

    @cached_property
    def key(self) -> str:
        return key("generator", self.spec)


def render_messages(template: Template, prompt: Prompt) -> list[Message]:
    """Return the messages with the last user turn rendered by the template, with the document and the metadata it uses."""
    *before, last = prompt.messages
    if last["role"] != "user":
        return [*before, last]
    values = template.with_metadata(prompt.metadata)
    rendered: Message = {**last, "content": template.render(document=prompt.document, request=last["content"], **values)}
    return [*before, rendered]


def load_generators(config: Config) -> tuple[Generator, ...]:
    """Return the pipeline's generators: one, or the pool of `generate.generators`.

    Raises InputError without a `generate` section, for a template that shows neither the request nor the document, and for
    two generators that are the same except for their names.
    """
    section = _section(config)
    several = bool(section.generators)
    pool = [
        _load(config, settings, ("generate", "generators", place) if several else ("generate",))
        for place, settings in enumerate(section.pool)
    ]
    if several:
        pool = [replace(each, stage=f"generate {each.name}") for each in pool]
        _check_different(config, pool)
    if section.pick is None:
        return tuple(pool)
    picked = [each for each, settings in zip(pool, section.generators, strict=True) if not settings.always]
    # A generator keeps its prompts in all rounds.
    names = tuple(each.name.partition(ROUND)[0] for each in picked)
    picks = {each.key: Pick(name, names, section.pick, section.seed) for each, name in zip(picked, names, strict=True)}
    return tuple(replace(each, pick=picks.get(each.key, EVERY_PROMPT)) for each in pool)


def load_policy(config: Config, pool: Sequence[Generator]) -> Generator:
    """Return the generator of the model that is trained and evaluated, which answers every prompt.

    It is the only generator of the `pool`, or that of `train.model` or `evaluate.base`. Raises InputError if there are
    several generators and neither is given.
    """
    section, train, evaluate = _section(config), config.pipeline.train, config.pipeline.evaluate
    if not section.generators:
        return pool[0] if pool else _load(config, section.pool[0], ("generate",))
    name = train.model if train else evaluate.base if evaluate else None
    if name is None:
        key_path = "train.model" if train else "evaluate.base"
        names = ", ".join(dict.fromkeys(str(each.model) for each in section.pool))
        raise InputError(
            f"`generate` has {len(section.generators)} generators, and nothing says which one is trained and evaluated",
            where=config.file.where(("train",) if train else ("evaluate",)),
            fix=f"Name its model under `{key_path}`, such as one of {names}.",
        )
    settings = section.settings_of(name)
    found = next((each for each in pool if each.settings == settings), None)
    return replace(found, pick=EVERY_PROMPT, stage="generate") if found else _load(config, settings, ("generate",))


def _section(config: Config) -> Generate:
    if config.pipeline.generate is None:
        raise InputError("no `generate` section", where=config.file.where(()), fix="Add one that names a model.")
    return config.pipeline.generate


def _load(config: Config, settings: GeneratorSettings, place: Place) -> Generator:
    template = Template(config.find(settings.template, (*place, "template")), VARIABLES)
    if not template.used & {"request", "document"}:
        raise InputError(
            "shows neither `request` nor `document`, so that all prompts would look the same",
            where=str(template.path),
            fix="Add {{ request }} to the template.",
        )
    config.pipeline.collect.check_metadata(template.metadata, str(template.path))
    model, systems = str(settings.model), settings.system
    return Generator(
        settings.label,
        config.pipeline.models[model],
        template,
        settings,
        config.file.where(("models", model)),
        _read_systems(config, systems, (*place, "system")) if isinstance(systems, SystemFile) else (),
    )


def _check_different(config: Config, pool: list[Generator]) -> None:
    known: dict[str, str] = {}
    for place, each in enumerate(pool):
        other = known.setdefault(each.key, each.name)
        if other != each.name:
            raise InputError(
                f"{other!r} and {each.name!r} are one generator: the same model, template and settings",
                where=config.file.where(("generate", "generators", place)),
                fix="Give one of them another setting, such as `seed`, or leave it out and raise the other's `samples`.",
            )


def _read_systems(config: Config, source: SystemFile, place: Place) -> tuple[str, ...]:
    """Return the different system prompts of a file. Raises InputError if it cannot be read or has none."""
    path, where = config.find(source.file, (*place, "file")), config.file.where((*place, "file"))
    if path.suffix == ".txt":
        try:
            lines = iter(path.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", where=str(path)) from None
    else:
        lines = _column(config, source, place)
    found = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        raise InputError(f"{source.file} holds no system prompts", where=where)
    return found


def _column(config: Config, source: SystemFile, place: Place) -> Iterator[str]:
    path = config.find(source.file, (*place, "file"))
    for at, row in records(path, where=config.file.where((*place, "file"))):
        if isinstance(row, RowError):
            raise InputError(row.reason, where=at)
        value = row.get(source.column)
        if not isinstance(value, str):
            where = config.file.where((*place, "column"))
            raise InputError(f"no text in column {source.column!r} at {at}", where=where, fix=f"Columns: {', '.join(row)}.")
        yield value
