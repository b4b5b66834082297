"""Finds the requests that a judge would send, by running it with a scripted model that costs nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from rlaif.config import ScriptedModel
from rlaif.core import event_loop
from rlaif.core.types import Message, Prompt, stored
from rlaif.judging import Call, Candidate, JudgeContext, Note
from rlaif.judging.criteria.compare import compare
from rlaif.judging.judge import Judge
from rlaif.judging.multi_call import THINGS
from rlaif.judging.rubric import Compare
from rlaif.models import registry
from rlaif.models.base import AlwaysOpen, ChatRequest, Completion, Sampling
from rlaif.store.store import Row

# Replies are never cut off here; retries after a cut-off are measured, not rehearsed.
ROOM = 1_000_000
# Stands for a response, whose length is added.
PLACEHOLDER = "PLACEHOLDER"


@dataclass
class Rehearsal(AlwaysOpen):
    """A scripted model that records its requests, so that any kind of criterion can be planned without special cases.

    Lists in its replies have `things` items in total. `notes` holds the requests that are sent once per prompt, for all its
    responses.
    """

    things: int = THINGS
    requests: list[ChatRequest] = field(default_factory=list)
    notes: list[ChatRequest] = field(default_factory=list)
    concurrency = 1

    async def complete(self, request: ChatRequest) -> list[Completion]:
        self.requests.append(request)
        shown = replace(request, schema=_listing(request.schema, self.things), sampling=Sampling(max_tokens=ROOM))
        return await registry.open_model(ScriptedModel(kind="scripted")).complete(shown)

    async def once(self, prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        before, self.requests = self.requests, []
        note = await make()
        self.notes += self.requests
        self.requests = before
        return replace(note, texts=note.texts[: self.things])

    def context(self, judge: Judge) -> JudgeContext:
        """Return the judge's context with this model."""
        return JudgeContext(judge.settings, judge.template, self, templates=judge.templates, once=self.once)


def rehearse(judge: Judge, call: Call, row: Row, text: str = PLACEHOLDER, things: int = THINGS) -> Rehearsal:
    """Return the requests of this call for `text` as a response to the prompt in `row`."""
    rehearsal = Rehearsal(things)
    work = call.judge(Candidate(stored(row), text), call.criteria, 0, rehearsal.context(judge))
    event_loop.run(work)  # type: ignore[arg-type]
    return rehearsal


def rehearse_comparison(judge: Judge, criterion: Compare, row: Row) -> Rehearsal:
    """Return the request of a comparison of two responses to the prompt in `row`."""
    rehearsal = Rehearsal()
    first, second = (Candidate(stored(row), PLACEHOLDER + number) for number in "12")
    event_loop.run(compare(first, second, criterion, 0, rehearsal.context(judge)))
    return rehearsal


def prompt_of(request: ChatRequest) -> tuple[list[Message], int]:
    """Return the messages of a rehearsed request without the responses, and how many responses it shows."""
    shown = sum(message["content"].count(PLACEHOLDER) for message in request.messages)
    return [{**message, "content": message["content"].replace(PLACEHOLDER, "")} for message in request.messages], shown


def _listing(schema: Any, things: int) -> Any:
    """Return the schema with `things` required items over all its lists, at least one in each."""
    lists = [name for name, kind in (schema or {}).get("properties", {}).items() if kind.get("type") == "array"]
    if not lists:
        return schema
    least = {"minItems": max(things // len(lists), 1)}
    return schema | {
        "properties": {name: kind | (least if name in lists else {}) for name, kind in schema["properties"].items()}
    }
