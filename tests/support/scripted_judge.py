"""Judges of every kind over a model whose replies are given."""

from collections.abc import Coroutine
from functools import cache
from typing import Any

from rlaif.config import JudgeSpec
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.types import Prompt, Verdict
from rlaif.judging import KINDS, JudgeContext
from rlaif.judging.criteria import scale
from rlaif.judging.retrieval import Words
from rlaif.judging.rubric import Checklist, Claims, KeyPoints
from rlaif.models.base import ChatRequest, Completion

PROMPT = Prompt(({"role": "user", "content": "Sum up."},), "The bridge opened in 1932. It cost five million.", "1932.")
COUNTING: dict[str, Any] = {
    "claims": Claims(name="c", kind="claims"),
    "keypoints": KeyPoints(name="k", kind="keypoints"),
    "checklist": Checklist(name="l", kind="checklist"),
}


class Told:
    """A model that answers what it is told to, in turn, the last again and again, and remembers what it was asked."""

    concurrency = 1

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[str] = []

    async def complete(self, request: ChatRequest) -> list[Completion]:
        self.asked.append(request.messages[0]["content"])
        return [Completion(self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])]

    async def __aenter__(self) -> "Told":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@cache
def template(name: str) -> Template:
    needed = {each: allowed for kind in KINDS.values() for each, allowed in getattr(kind, "TEMPLATES", {}).items()}
    return Template(root() / f"prompts/judge/{name}.jinja", needed.get(name, scale.VARIABLES))


TEMPLATES = {name: template(name) for kind in (*COUNTING, "compare") for name in KINDS[kind].TEMPLATES}
SPECS = {calls: JudgeSpec.model_validate({"rubric": "x", "calls": calls, "attempts": 1}) for calls in ("apart", "together")}
WORDS = Words()


def judge_context(told: Told, calls: str = "apart", shown: str = "scale") -> JudgeContext:
    return JudgeContext(SPECS[calls], template(shown), told, templates=TEMPLATES, retrieval=WORDS)


def done(work: Coroutine[Any, Any, Verdict]) -> Verdict:
    """The result of work that never waits, without the cost of an event loop."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise AssertionError("it waits")
