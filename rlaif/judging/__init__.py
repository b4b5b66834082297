"""Judges responses, with one module per kind of criterion.

Each kind's module has `judge(subject, criteria, repeat, judge_context)`, which judges one criterion. If the module also has
`calls(criteria, spec)`, which groups criteria, each group is judged in one request. TEMPLATES maps the names of templates
that only this kind uses to their variables. To add a kind, add a module and an entry in KINDS. The kind `compare` never
judges a single response: its `calls` returns nothing, and its `compare` takes two responses.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rlaif.config import JudgeSpec
from rlaif.core.types import Verdict
from rlaif.judging.context import Candidate, JudgeContext, Note
from rlaif.judging.criteria import check, checklist, claims, compare, keypoints, reward_model, scale
from rlaif.judging.rubric import Rubric

__all__ = ["KINDS", "Call", "Candidate", "JudgeContext", "Note", "asks_a_model", "calls", "check", "scale", "templates"]

KINDS: dict[str, Any] = {
    "scale": scale,
    "check": check,
    "claims": claims,
    "keypoints": keypoints,
    "checklist": checklist,
    "compare": compare,
    "reward_model": reward_model,
}


@dataclass(frozen=True)
class Call:
    """Criteria that are judged together. `asks` is the expected number of requests."""

    criteria: Sequence[Any]
    judge: Callable[[Candidate, Sequence[Any], int, JudgeContext], Awaitable[Verdict]]
    asks: int = 1

    @cached_property
    def keys(self) -> list[str]:
        return [criterion.key for criterion in self.criteria]

    @property
    def needs_model(self) -> bool:
        """Whether judging sends requests; checks send none."""
        return bool(KINDS[self.criteria[0].kind].NEEDS_MODEL)


def calls(rubric: Rubric, spec: JudgeSpec) -> list[Call]:
    """Return the calls that judge one response once, in the rubric's order."""
    found = []
    for kind, module in KINDS.items():
        criteria = [criterion for criterion in rubric.criteria if criterion.kind == kind]
        together = getattr(module, "calls", _apart)
        found += [Call(group, module.judge, getattr(module, "ASKS", 1)) for group in together(criteria, spec)]
    return found


def _apart(criteria: Sequence[Any], spec: JudgeSpec) -> list[list[Any]]:
    return [[criterion] for criterion in criteria]


def templates(rubric: Rubric) -> dict[str, frozenset[str]]:
    """Return the names of the templates that the rubric's kinds need, and the variables of each."""
    kinds = {criterion.kind: KINDS[criterion.kind] for criterion in rubric.criteria}
    return {name: allowed for kind in kinds.values() for name, allowed in getattr(kind, "TEMPLATES", {}).items()}


def asks_a_model(rubric: Rubric) -> set[str]:
    """Return the kinds of the rubric's criteria that need a model."""
    return {criterion.kind for criterion in rubric.criteria if KINDS[criterion.kind].NEEDS_MODEL}
