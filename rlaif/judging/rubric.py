"""Rubrics: named sets of criteria of several kinds, with weights and floors that only pair building uses.

A criterion's key covers everything that decides a score, but not weight and floor. So a change of wording makes the scores
pending again, and a change of weight does not.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from rlaif.config import Section
from rlaif.config.python import PythonFile
from rlaif.config.validation import validate
from rlaif.config.yaml import YamlFile, read_yaml
from rlaif.core import functions
from rlaif.core.plugins import digest
from rlaif.core.types import key


class CriterionFields(Section):
    """The fields of every kind of criterion."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)
    """The criterion's share in a response's total score, relative to the other weights."""
    floor: float | None = None
    """A response with a lower value is never chosen, whatever its other scores."""

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        raise NotImplementedError

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Everything that decides a score, as plain data: all fields except weight and floor. Templates receive it."""
        return self.model_dump(mode="json", exclude={"weight", "floor"})

    @cached_property
    def key(self) -> str:
        return key("criterion", self.spec)

    @model_validator(mode="after")
    def _floor_in_range(self) -> "CriterionFields":
        low, high = self.range
        if low >= high:
            raise ValueError(f"criterion {self.name!r}: low must be below high")
        if self.floor is not None and not low <= self.floor <= high:
            raise ValueError(f"criterion {self.name!r}: floor {self.floor:g} is outside {low:g} to {high:g}")
        return self


class Scale(CriterionFields):
    """A model rates the response on an anchored scale of integers."""

    kind: Literal["scale"] = "scale"
    low: int = 1
    high: int = 5
    question: str = Field(min_length=1)
    """What the judge rates, in one or a few sentences."""
    levels: dict[int, str] = Field(default_factory=dict)
    """What a response at each level is like. Describe at least the two ends."""

    @property
    def range(self) -> tuple[float, float]:
        return self.low, self.high

    @field_validator("levels")
    @classmethod
    def _ordered(cls, levels: dict[int, str]) -> dict[int, str]:
        return dict(sorted(levels.items()))

    @model_validator(mode="after")
    def _levels_in_range(self) -> "Scale":
        outside = [level for level in self.levels if not self.low <= level <= self.high]
        if outside:
            raise ValueError(f"criterion {self.name!r}: level {outside[0]} is outside {self.low} to {self.high}")
        return self


class Check(CriterionFields):
    """A function scores the response without a model: `function(prompt: Prompt, response: str, **options) -> float`."""

    kind: Literal["check"]
    function: str = Field(pattern=r"^([\w.]+:)?\w+$")
    """A built-in function, such as `within` or `overlap`; or your own, `module:function`, which needs --allow-code."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The function's keyword arguments. An argument that comes with each prompt is `{column: NAME}`, a column of its
    metadata."""
    if_none: float | None = None
    """The value if a prompt lacks one of these columns. If omitted, the score then fails as `inapplicable`."""
    low: float = 0
    high: float = 1
    timeout: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Time limit in seconds for one response. Default: 10 for built-in functions, 60 for your own."""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Everything that decides a score, including a digest of a user's module, so that edits make scores pending."""
        module, _, _ = self.function.rpartition(":")
        if functions.is_reference(self.function):
            found = functions.known("check", self.function)
            code = found.version if found else None
        else:
            code = digest(module) if module else None
        # Older versions had no `if_none`; criteria without one keep their keys.
        unused = {"if_none"} if self.if_none is None else set()
        fields = self.model_dump(mode="json", exclude={"weight", "floor", "timeout"} | unused)
        return fields | ({"code": code} if code else {})

    @cached_property
    def columns(self) -> dict[str, str]:
        """The columns of the prompt's metadata that hold an argument, by the argument's name."""
        named = {name: value for name, value in self.options.items() if isinstance(value, dict)}
        return {name: str(value["column"]) for name, value in named.items() if list(value) == ["column"]}

    @model_validator(mode="after")
    def _if_none_in_range(self) -> "Check":
        if self.if_none is not None and not self.low <= self.if_none <= self.high:
            raise ValueError(f"criterion {self.name!r}: if_none {self.if_none:g} is outside {self.low:g} to {self.high:g}")
        return self

    @property
    def range(self) -> tuple[float, float]:
        return self.low, self.high


class Share(CriterionFields):
    """A criterion whose value is a share, from 0 to 1."""

    @property
    def range(self) -> tuple[float, float]:
        return 0, 1


class Counting(Share):
    """A criterion that counts things, such as claims. Each is stored with its outcome."""

    if_none: float | None = Field(None, ge=0, le=1)
    """The value if there is nothing to count, such as no claim. If omitted, the score then fails as `inapplicable`."""


class Claims(Counting):
    """The share of the response's claims that the document supports; a partly supported claim counts half."""

    kind: Literal["claims"]
    chunk_words: int = Field(100, ge=1)
    """Words per piece of the document that is searched."""
    chunks: int = Field(5, ge=1)
    """Number of pieces that each claim is checked against."""


class KeyPoints(Counting):
    """The share of the document's key points for the request that the response covers; a partly covered one counts half."""

    kind: Literal["keypoints"]
    chunk_words: int = Field(3000, ge=1)
    """Words per piece of the document. Key points are listed once per prompt, with one call per piece."""


class Checklist(Counting):
    """Yes-or-no items for the request, and which of them the response meets.

    The items come with the prompt (`columns.checklist` of its source), or the judge writes them once per prompt.

    The value is the weight of the items met over the weight of all items; a pitfall is met if the response avoids it.
    """

    kind: Literal["checklist"]


class Compare(Share):
    """A model sees two responses at a time, always in both orders, and decides which is better.

    The value is the mean probability of winning against the prompt's other responses, estimated from all comparisons.
    """

    kind: Literal["compare"]
    question: str = Field(min_length=1)
    """What makes one response better, in one or a few sentences."""
    schedule: Literal["round_robin", "knock_out"] = "round_robin"
    """Every pair; or winners against winners, which needs far fewer calls but orders the losers less precisely."""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Excludes the schedule, which only selects the pairs, so comparisons made under another schedule still count."""
        return self.model_dump(mode="json", exclude={"weight", "floor", "schedule"})


class RewardModel(Share):
    """A reward model's scalar, mapped to 1 / (1 + exp(-reward / width)). The judge's `model` is the reward model."""

    kind: Literal["reward_model"]
    # Rewards of common models lie within 40 of zero. With a width of 8, scores up to a reward of 100 differ in six decimals.
    width: float = Field(8.0, gt=0, allow_inf_nan=False)
    """The larger the width, the larger the rewards that still get different scores."""


Criterion = Annotated[Scale | Check | Claims | KeyPoints | Checklist | Compare | RewardModel, Field(discriminator="kind")]


class Rubric(Section):
    """A named, versioned set of criteria."""

    name: str
    version: int = 1
    description: str = ""
    criteria: list[Criterion] = Field(min_length=1)

    @model_validator(mode="after")
    def _coherent(self) -> "Rubric":
        names = [criterion.name for criterion in self.criteria]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"criterion {twice[0]!r} is given twice")
        if not any(criterion.weight for criterion in self.criteria):
            raise ValueError("the weights sum to zero, so no response can be better than another; raise one of them")
        return self


def load_rubric(path: Path) -> Rubric:
    """Load a rubric from a YAML file. Raises InputError, with the line, if it is invalid."""
    return _rubric(read_yaml(path))


def registered_rubric(reference: str, where: str) -> Rubric:
    """Return the rubric that a program has registered as `python:NAME`. Raises InputError if it is missing or invalid."""
    return rubric_of(functions.rubric(reference, where), Path(reference))


def rubric_of(data: Mapping[str, Any], path: Path) -> Rubric:
    """Return the rubric in plain data, as a file at `path` would contain it. Raises InputError if it is invalid."""
    criteria = [dict(criterion) for criterion in data.get("criteria", [])]
    return _rubric(PythonFile(path, {**data, "criteria": criteria}, {}))


def _rubric(file: YamlFile) -> Rubric:
    for criterion in file.data.get("criteria") or []:
        # Nearly every criterion is a scale, so `kind` may be omitted.
        if isinstance(criterion, dict):
            criterion.setdefault("kind", "scale")
            found = functions.known("check", str(criterion.get("function")))
            if found:
                criterion.setdefault("low", found.low)
                criterion.setdefault("high", found.high)
    return validate(Rubric, file)
