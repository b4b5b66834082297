"""Loads a judge of the pipeline file: a rubric, a template, settings and a model.

A judge's key covers its model, template and settings; each criterion's key covers its wording.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from rlaif import judging
from rlaif.config import AnthropicModel, Config, JudgeSpec, ModelConfig, OpenAIModel
from rlaif.config.templates import Template
from rlaif.core import functions
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.judging import Call, formats
from rlaif.judging.criteria import check, scale
from rlaif.judging.rubric import Compare, Rubric, load_rubric, registered_rubric
from rlaif.models import registry

# Variables that a template must use if it has them, because a judge that never sees the response still returns scores.
JUDGED: Final = frozenset({"response", "first", "second", "claim", "passages", "texts"})


@dataclass(frozen=True)
class Judge:
    """A judge of the pipeline file, with its rubric loaded and its template compiled."""

    name: str
    rubric: Rubric
    settings: JudgeSpec
    template: Template
    model: ModelConfig | None
    where: str = ""
    templates: Mapping[str, Template] = field(default_factory=dict)
    """The templates of its criterion kinds, by name."""
    after: str | None = None
    """The key of the previous judge in a cascade, which selects the prompts that this judge scores."""
    retrieval: OpenAIModel | None = None
    """The embedding model that retrieves passages for claims; None for BM25."""

    @cached_property
    def calls(self) -> list[Call]:
        """The calls that judge one response once."""
        return judging.calls(self.rubric, self.settings)

    @cached_property
    def compared(self) -> dict[str, Compare]:
        """The criteria of kind `compare`, by key."""
        return {criterion.key: criterion for criterion in self.rubric.criteria if criterion.kind == "compare"}

    @property
    def weighted(self) -> list[dict[str, Any]]:
        """Its criteria as rows of key, name, weight, low, high, floor and kind, for making pairs."""
        return [
            {
                "key": each.key,
                "name": each.name,
                "weight": each.weight,
                "low": each.range[0],
                "high": each.range[1],
                "floor": each.floor,
                "kind": each.kind,
            }
            for each in self.rubric.criteria
        ]

    @property
    def rewards(self) -> bool:
        """Whether its model is a reward model."""
        return any(criterion.kind == "reward_model" for criterion in self.rubric.criteria)

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Everything that the verdicts depend on, except the wording of criteria with separate requests."""
        settings = self.settings
        if self.model is None:
            return {"model": None, "criteria": [criterion.key for criterion in self.rubric.criteria]}
        # Other kinds always have separate requests.
        scales = [criterion.key for criterion in self.rubric.criteria if criterion.kind == "scale"]
        return {
            "model": registry.identity(self.model, where=self.where),
            "template": self.template.text,
            "calls": settings.calls,
            "together": None if settings.apart else scales,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "logprobs": settings.logprobs,
            "attempts": settings.attempts,
        } | self._own

    @property
    def _own(self) -> dict[str, Any]:
        """The parts of the spec that only some criterion kinds and settings have."""
        templates = {"templates": {name: item.text for name, item in self.templates.items()}} if self.templates else {}
        retrieval = {"retrieval": registry.identity(self.retrieval)} if self.retrieval else {}
        levels = {"level_order": "permuted"} if self.settings.level_order == "permuted" else {}
        reasoning = {"reasoning_tokens": self.settings.reasoning_tokens} if self.settings.reasoning_tokens else {}
        form = {"format": self.settings.format} if self.settings.format else {}
        used = self.metadata
        return templates | retrieval | levels | reasoning | form | ({"metadata": used} if used else {})

    @property
    def metadata(self) -> list[str]:
        """The names of the prompt's metadata that its templates show."""
        return sorted({name for template in (self.template, *self.templates.values()) for name in template.metadata})

    @cached_property
    def key(self) -> str:
        return key("judge", self.spec)


class JudgeFiles:
    """The rubrics and templates of a pipeline's judges; each file is read once, however many judges use it."""

    def __init__(self) -> None:
        self._rubrics: dict[Path, Rubric] = {}
        self._templates: dict[tuple[Path, frozenset[str]], Template] = {}

    def rubric(self, path: Path) -> Rubric:
        """Return the rubric in a file, with its criteria verified. Raises InputError if it is invalid."""
        if path not in self._rubrics:
            rubric = load_rubric(path)
            check.verify(rubric.criteria)
            self._rubrics[path] = rubric
        return self._rubrics[path]

    def template(self, path: Path, variables: frozenset[str]) -> Template:
        """Return the template in a file, which may use these variables. Raises InputError if it is invalid."""
        if (path, variables) not in self._templates:
            self._templates[path, variables] = Template(path, variables, JUDGED & variables)
        return self._templates[path, variables]


def load_judge(config: Config, name: str, files: JudgeFiles) -> Judge:
    """Load a judge of the pipeline file by name. Raises InputError if its rubric or template is invalid."""
    settings = config.pipeline.judges[name]
    place = ("judges", name)
    if functions.is_reference(settings.rubric):
        rubric = registered_rubric(settings.rubric, config.file.where((*place, "rubric")))
        check.verify(rubric.criteria)
    else:
        rubric = files.rubric(config.find(settings.rubric, (*place, "rubric")))
    asking = judging.asks_a_model(rubric)
    if settings.model is None and asking:
        raise InputError(
            f"rubric {rubric.name!r} has criteria that need a model, but this judge has none",
            where=config.file.where(place),
            fix="Add `model:` with a name from `models`.",
        )
    if "reward_model" in asking and len(asking) > 1:
        raise InputError(
            f"rubric {rubric.name!r} has `reward_model` criteria and criteria that need text, but no model returns both",
            where=config.file.where(place),
            fix="Use two judges, and build pairs from both: `pair: {judge: [ONE, OTHER]}`.",
        )
    template = files.template(config.find(_check_format(config, name, rubric), (*place, "template")), scale.VARIABLES)
    model = config.pipeline.models[settings.model] if settings.model else None
    if isinstance(model, AnthropicModel) and (settings.logprobs or "reward_model" in asking):
        raise InputError(
            f"a model of kind anthropic returns no {'log-probabilities' if settings.logprobs else 'rewards'}",
            where=config.file.where((*place, "logprobs" if settings.logprobs else "model")),
            fix="Set `logprobs: false`." if settings.logprobs else "Use a model of kind openai, vllm or transformers.",
        )
    where = config.file.where(("models", settings.model)) if settings.model else ""
    own = {
        needed: files.template(config.find(formats.template_file(needed, settings.format), place), allowed)
        for needed, allowed in judging.templates(rubric).items()
    }
    retrieval = config.pipeline.models[settings.retrieval] if settings.retrieval else None
    if retrieval is not None and not isinstance(retrieval, OpenAIModel):
        raise InputError(
            f"a model of kind {retrieval.kind} cannot embed texts",
            where=config.file.where((*place, "retrieval")),
            fix="Use a model of kind openai, such as a vLLM server with `--runner pooling`.",
        )
    judge = Judge(name, rubric, settings, template, model, where, own, retrieval=retrieval)
    _check_metadata(config, judge)
    return judge


def _check_format(config: Config, name: str, rubric: Rubric) -> str:
    """Return the file of the judge's template. Raises InputError if its format does not fit its criteria or settings."""
    settings, place = config.pipeline.judges[name], ("judges", name)
    if settings.format is None:
        return settings.template

    def error(what: str, key: str, fix: str) -> InputError:
        return InputError(what, where=config.file.where((*place, key)), fix=fix)

    try:
        form = formats.load(settings.format)
    except InputError as unknown:
        raise error(unknown.what, "format", unknown.fix) from None
    able = {"scale"} if form.scale else set()
    able |= {"compare"} if form.compare else set()
    if unable := judging.asks_a_model(rubric) - able:
        what = f"a judge with format {settings.format} cannot judge criteria of kind {min(unable)}"
        raise error(what, "format", f"Use criteria of kind {' or '.join(sorted(able))}.")
    for criterion in rubric.criteria:
        if criterion.kind == "scale" and criterion.range != (form.low, form.high):
            scale_of = f"from {form.low} to {form.high}, the only scale of format {settings.format}"
            what = f"criterion {criterion.name!r} is not {scale_of}"
            raise error(what, "rubric", f"Set low: {form.low} and high: {form.high}.")
    if form.needs_logprobs and not settings.logprobs:
        raise error(f"format {settings.format} needs log-probabilities", "format", "Set `logprobs: true`.")
    native = form.scale is not None and "template" not in settings.model_fields_set
    return f"prompts/judge/{settings.format}.jinja" if native else settings.template


def _check_metadata(config: Config, judge: Judge) -> None:
    """Check that a source keeps the metadata that the judge's templates and checks use. Raises InputError."""
    collect, place = config.pipeline.collect, ("judges", judge.name)
    collect.check_metadata(judge.metadata, config.file.where((*place, "template")))
    for criterion in judge.rubric.criteria:
        if criterion.kind == "check":
            where = f"{config.file.where((*place, 'rubric'))}, check {criterion.name!r}"
            collect.check_metadata(criterion.columns.values(), where)
