"""Finds the requests that a judge would send, by running it with a scripted model that costs nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from rlaif.config import ScriptedModel
from rlaif.core import event_loop
from rlaif.core.types import Prompt, stored
from rlaif.judging import Call, Candidate, JudgeContext, Note
from rlaif.judging.judge import Judge
from rlaif.models import registry
from rlaif.models.base import ChatRequest, Completion, Sampling
from rlaif.store.store import Row

# Replies are never cut off here; retries after a cut-off are measured, not rehearsed.
ROOM = 1_000_000


@dataclass
class Rehearsal:
    """A scripted model that records its requests, so that any kind of criterion can be planned without special cases.

    Lists in its replies have `things` items in total. `noted` holds the requests that are sent once per prompt, for all its
    responses.
    """

    things: int
    asks: list[ChatRequest] = field(default_factory=list)
    noted: list[ChatRequest] = field(default_factory=list)
    concurrency = 1

    async def complete(self, ask: ChatRequest) -> list[Completion]:
        self.asks.append(ask)
        shown = replace(ask, schema=_listing(ask.schema, self.things), sampling=Sampling(max_tokens=ROOM))
        return await registry.open_model(ScriptedModel(kind="scripted")).complete(shown)

    async def once(self, prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        before, self.asks = self.asks, []
        note = await make()
        self.noted += self.asks
        self.asks = before
        return replace(note, texts=note.texts[: self.things])

    async def __aenter__(self) -> "Rehearsal":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def rehearse(judge: Judge, call: Call, row: Row, text: str, things: int) -> Rehearsal:
    """Return the requests of this call for `text` as a response to the prompt in `row`."""
    rehearsal = Rehearsal(things)
    judge_context = JudgeContext(judge.settings, judge.template, rehearsal, templates=judge.templates, once=rehearsal.once)
    event_loop.run(call.judge(Candidate(stored(row), text), call.criteria, 0, judge_context))  # type: ignore[arg-type]
    return rehearsal


def _listing(schema: Any, things: int) -> Any:
    """Return the schema with `things` required items over all its lists, at least one in each."""
    lists = [name for name, kind in (schema or {}).get("properties", {}).items() if kind.get("type") == "array"]
    if not lists:
        return schema
    least = {"minItems": max(things // len(lists), 1)}
    return schema | {
        "properties": {name: kind | (least if name in lists else {}) for name, kind in schema["properties"].items()}
    }
