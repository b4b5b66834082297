"""Judging with nobody there: which asks a judge would send, found by letting it judge with a model that costs nothing."""

from collections.abc import Sequence

from rlaif import models
from rlaif.config import ScriptedModel
from rlaif.judges import Bench, Call, Subject
from rlaif.models.ask import Ask, Completion
from rlaif.records import stored
from rlaif.stages.judge import Judge
from rlaif.store import Row


class Rehearsal:
    """The scripted model, remembering what it was asked: a kind of criterion is planned without knowing it."""

    concurrency = 1

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self._model = models.open_model(ScriptedModel(kind="scripted"))

    async def complete(self, ask: Ask) -> list[Completion]:
        self.asks.append(ask)
        return await self._model.complete(ask)

    async def __aenter__(self) -> "Rehearsal":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def rehearse(judge: Judge, calls: Sequence[Call], row: Row, text: str) -> list[Ask]:
    """The asks of these calls on `text` as a response to the prompt in `row`."""
    rehearsal = Rehearsal()
    subject = Subject(stored(row), text)
    bench = Bench(judge.settings, judge.template, rehearsal, templates=judge.templates)
    for call in calls:
        await call.judge(subject, call.criteria, 0, bench)
    return rehearsal.asks
