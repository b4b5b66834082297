"""Loads a judge of the pipeline file: a rubric, a template, settings and a model.

A judge's key covers its model, template and settings; each criterion's key covers its wording.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from rlaif import judging
from rlaif.config import Config, JudgeSpec, ModelConfig, OpenAIModel
from rlaif.config.templates import Template
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.judging import Call
from rlaif.judging.criteria import check, scale
from rlaif.judging.rubric import Compare, Rubric, load_rubric
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
            "together": scales if settings.calls == "together" else None,
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
        return templates | retrieval | levels | reasoning

    @cached_property
    def key(self) -> str:
        return key("judge", self.spec)


def judge(config: Config, name: str) -> Judge:
    """Load a judge of the pipeline file by name. Raises InputError if its rubric or template is invalid."""
    settings = config.pipeline.judges[name]
    place = ("judges", name)
    rubric = load_rubric(config.find(settings.rubric, (*place, "rubric")))
    check.verify(rubric.criteria)
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
    template = Template(config.find(settings.template, (*place, "template")), scale.VARIABLES, JUDGED & scale.VARIABLES)
    model = config.pipeline.models[settings.model] if settings.model else None
    where = config.file.where(("models", settings.model)) if settings.model else ""
    own = {
        needed: Template(config.find(f"prompts/judge/{needed}.jinja", place), allowed, JUDGED & allowed)
        for needed, allowed in judging.templates(rubric).items()
    }
    retrieval = config.pipeline.models[settings.retrieval] if settings.retrieval else None
    if retrieval is not None and not isinstance(retrieval, OpenAIModel):
        raise InputError(
            f"a model of kind {retrieval.kind} cannot embed texts",
            where=config.file.where((*place, "retrieval")),
            fix="Use a model of kind openai, such as a vLLM server with `--runner pooling`.",
        )
    return Judge(name, rubric, settings, template, model, where, own, retrieval=retrieval)
