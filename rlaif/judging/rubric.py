"""Rubrics: named sets of criteria, each judged by its kind, with weights and floors that only pair building reads.

A criterion's key covers all that a judge is told or a program computes, and leaves out weight and floor: a changed
wording owes new scores, a changed weight owes nothing.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from math import lcm
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from rlaif.config import Section
from rlaif.config.yaml import read_yaml, validate
from rlaif.core.plugins import digest
from rlaif.core.types import key


class CriterionFields(Section):
    """What every kind of criterion has."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    weight: float = Field(1.0, ge=0, allow_inf_nan=False)
    """Its share in a response's score, relative to the other criteria's."""
    floor: float | None = None
    """A response below it is never chosen, whatever its other scores."""

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        raise NotImplementedError

    @cached_property
    def spec(self) -> dict[str, Any]:
        """All that decides a score, as plain data: every field but weight and floor. Templates are shown it."""
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
    """What is rated, in one or a few plain sentences."""
    levels: dict[int, str] = Field(default_factory=dict)
    """What a response at this level is like; at least the ends should be told."""

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
    """A program scores the response: `function(prompt: Prompt, response: str, **options) -> float`. No model is asked."""

    kind: Literal["check"]
    function: str = Field(pattern=r"^([\w.]+:)?\w+$")
    """One of rlaif's own by name, such as `within` or `overlap`; or yours, `module:function`, which needs --allow-code."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The function's keyword arguments."""
    low: float = 0
    high: float = 1
    timeout: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Seconds for one response, after which the check counts as crashed; by default 10, and 60 for functions of your own."""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """All that decides a score. It includes a digest of the user's own module, so that an edited one scores again."""
        module, _, _ = self.function.rpartition(":")
        code = digest(module) if module else None
        fields = self.model_dump(mode="json", exclude={"weight", "floor", "timeout"})
        return fields | ({"code": code} if code else {})

    @property
    def range(self) -> tuple[float, float]:
        return self.low, self.high


class Share(CriterionFields):
    """A criterion whose value is a share, from 0 to 1."""

    @property
    def range(self) -> tuple[float, float]:
        return 0, 1


class Counting(Share):
    """A criterion that counts things, each one kept with what was found of it."""

    if_none: float | None = Field(None, ge=0, le=1)
    """The value where there is nothing to count, such as no claim; where omitted that is no score but `inapplicable`."""


class Claims(Counting):
    """The share of the response's claims that the document supports; a claim that it supports partly counts half."""

    kind: Literal["claims"]
    chunk_words: int = Field(100, ge=1)
    """The document is searched in pieces of so many words."""
    chunks: int = Field(5, ge=1)
    """How many pieces a claim is checked against."""


class KeyPoints(Counting):
    """The share of the document's key points for the request that the response covers; partly covered counts half."""

    kind: Literal["keypoints"]
    chunk_words: int = Field(3000, ge=1)
    """Key points are gathered from pieces of so many words, each in one call, once for each prompt."""


class Checklist(Counting):
    """Yes-or-no items for the request, and what the response meets of them.

    They come with the prompt (`columns.checklist` of its source), or the judge writes them, once for each prompt.

    The value is the weight of what it meets over the weight of all; a pitfall is met by being avoided.
    """

    kind: Literal["checklist"]


class Compare(Share):
    """A model is shown two responses at a time, always in both orders, and says which is better.

    The value is the mean probability of winning against the prompt's other responses, by all that was compared.
    """

    kind: Literal["compare"]
    question: str = Field(min_length=1)
    """What makes one of them better, in one or a few plain sentences."""
    schedule: Literal["round_robin", "knock_out"] = "round_robin"
    """Each against each; or winners against winners, which takes far fewer calls and orders the losers less well."""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Without the schedule, which only decides who meets: what was compared by another one still counts."""
        return self.model_dump(mode="json", exclude={"weight", "floor", "schedule"})


class RewardModel(Share):
    """A reward model's scalar, as 1 / (1 + exp(-reward / width)). The judge's `model` is the reward model."""

    kind: Literal["reward_model"]
    # Rewards of common models lie within 40 of zero; with 8, they differ in six decimals up to 100.
    width: float = Field(8.0, gt=0, allow_inf_nan=False)
    """The larger, the further apart rewards may lie before they count as equal."""


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
            raise ValueError("the weights sum to zero, so no response could be better than another; raise one of them")
        return self


def load_rubric(path: Path) -> Rubric:
    """The rubric in a YAML file. Raises InputError with its line for anything wrong in it."""
    file = read_yaml(path)
    for criterion in file.data.get("criteria") or []:
        # A scale is what nearly every criterion is, so a file need not say so.
        if isinstance(criterion, dict):
            criterion.setdefault("kind", "scale")
    return validate(Rubric, file)


def factors(weights: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]) -> tuple[dict[str, int], int]:
    """Integers F and D such that a response's score from 0 to 1 is sum(F[c] * (value[c] - low[c])) / D, exactly.

    Doubles would put equal margins on different sides of a threshold; in integers and decimals they do not.
    """
    total = sum(Fraction(str(weight)) for weight in weights.values())
    exact = {}
    for name, weight in weights.items():
        low, high = (Fraction(str(end)) for end in ranges[name])
        exact[name] = Fraction(str(weight)) / total / (high - low)
    denominator = lcm(*(share.denominator for share in exact.values()))
    return {name: int(share * denominator) for name, share in exact.items()}, denominator
