"""A model's proposal for a better rubric: reworded criteria and new ones, parsed strictly and applied to a rubric.

Only criteria of kind `scale` have a wording that decides how a model rates, so a proposal changes no other kind. It removes
nothing and sets no weights of existing criteria: both cost no model call, and a person can do them at any time.
"""

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationError

from rlaif.config.base import Section
from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import clean
from rlaif.judging.parsing import Wrapping, read_object
from rlaif.judging.rubric import Rubric, Scale, rubric_of
from rlaif.judging.sanitize import sanitize

# Few changes, so that the comparison shows what they are worth and a person can read them.
MOST_CRITERIA: Final = 3
# The scale of a new criterion.
LOW, HIGH = 1, 5

_LEVEL: Final = {
    "type": "object",
    "properties": {"level": {"type": "integer"}, "meaning": {"type": "string"}},
    "required": ["level", "meaning"],
    "additionalProperties": False,
}
_CRITERION: Final = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "question": {"type": "string"},
        "levels": {"type": "array", "items": _LEVEL},
    },
    "required": ["name", "question", "levels"],
    "additionalProperties": False,
}
# The JSON Schema of a proposal. The analysis comes first, so that the criteria can follow from it.
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"analysis": {"type": "string"}, "criteria": {"type": "array", "items": _CRITERION}},
    "required": ["analysis", "criteria"],
    "additionalProperties": False,
}


def _line(text: str) -> str:
    """Return a text on one line, without hidden characters and marks of chat templates, which responses may have planted."""
    return " ".join(sanitize(clean(text)).split())


def _visible_line(text: str) -> str:
    if not (line := _line(text)):
        raise ValueError("the text has no visible characters")
    return line


Line = Annotated[str, AfterValidator(_visible_line)]


class ProposedLevel(Section):
    """The meaning of one level."""

    level: int = Field(strict=True)
    meaning: Line = Field(max_length=600)


class ProposedCriterion(Section):
    """A criterion of kind `scale`: the new wording of an existing one, or a new one."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    question: Line = Field(max_length=2000)
    levels: list[ProposedLevel] = Field(min_length=2, max_length=20)

    @property
    def wording(self) -> dict[str, Any]:
        """The question and the levels as they are in a rubric file."""
        levels = {each.level: each.meaning for each in sorted(self.levels, key=lambda each: each.level)}
        return {"question": self.question, "levels": levels}


class Proposal(Section):
    """What the model found, and the criteria that it proposes; none if it found no common fault."""

    analysis: str
    criteria: list[ProposedCriterion] = Field(max_length=MOST_CRITERIA)


@dataclass(frozen=True)
class Improved:
    """A rubric's data with a proposal applied, and the names of the criteria that it adds and rewords."""

    data: Mapping[str, Any]
    added: Sequence[str]
    reworded: Sequence[str]


def parse_proposal(reply: str, wrapping: Wrapping = "reasoning") -> Proposal:
    """Parse a reply that is a proposal and nothing else. Raises ModelError "malformed", with the reply as its `raw`."""
    try:
        return Proposal.model_validate(read_object(reply, wrapping))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ModelError("malformed", f"{place}: {first['msg'].lower()}", raw=reply) from None


def improve(data: Mapping[str, Any], rubric: Rubric, proposal: Proposal) -> Improved:
    """Apply a proposal to a rubric and to its file's `data`.

    A new criterion weighs as much as the others on average. Raises ModelError "malformed" if the result is invalid.
    """
    changed = deepcopy(dict(data))
    known = {criterion.name: place for place, criterion in enumerate(rubric.criteria)}
    added, reworded = list[str](), list[str]()
    for each in proposal.criteria:
        if each.name in [*added, *reworded]:
            raise ModelError("malformed", f"criterion {each.name!r} is given twice")
        if each.name not in known:
            _check_ends(each, LOW, HIGH)
            fields = {"name": each.name, "weight": _mean_weight(rubric), "low": LOW, "high": HIGH}
            changed["criteria"].append(fields | each.wording)
            added.append(each.name)
            continue
        old = rubric.criteria[known[each.name]]
        if not isinstance(old, Scale):
            raise ModelError("malformed", f"criterion {each.name!r} is of kind {old.kind}, so it cannot be reworded")
        _check_ends(each, old.low, old.high)
        if each.wording != {"question": _line(old.question), "levels": {at: _line(text) for at, text in old.levels.items()}}:
            changed["criteria"][known[each.name]] |= each.wording
            reworded.append(each.name)
    if added or reworded:
        changed["version"] = rubric.version + 1
    try:
        rubric_of(changed, Path("proposal"))
    except InputError as error:
        raise ModelError("malformed", error.what) from None
    return Improved(changed, added, reworded)


def _check_ends(each: ProposedCriterion, low: int, high: int) -> None:
    """Check that the levels are different ones from low to high, both ends included. Raises ModelError otherwise."""
    levels = [level.level for level in each.levels]
    if len(set(levels)) < len(levels):
        raise ModelError("malformed", f"criterion {each.name!r}: a level is described twice")
    if min(levels) != low or max(levels) != high:
        raise ModelError("malformed", f"criterion {each.name!r}: the levels must go from {low} to {high}")


def _mean_weight(rubric: Rubric) -> float:
    weights = [criterion.weight for criterion in rubric.criteria if criterion.weight > 0]
    return round(math.fsum(weights) / len(weights), 3)
