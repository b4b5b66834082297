"""Under which name a judge's model answers: the first one is written down, and another one, in any later run, ends it."""

import asyncio
from types import TracebackType
from typing import Self

from rlaif.errors import ModelError
from rlaif.models.ask import Ask, Completion, Model
from rlaif.store import Store


class Witness:
    """The open model of a judge (its key and name). A server may serve another model under an old name, or a vendor move an
    alias to one, and scores of two models must not be mixed as if they were one judge's."""

    def __init__(self, model: Model, store: Store, judge: str, name: str) -> None:
        self.concurrency = model.concurrency
        self._model, self._store, self._judge, self._name = model, store, judge, name
        self._served = next((str(row["model"]) for row in store.query("judge/served", judge=judge)), None)

    async def complete(self, ask: Ask) -> list[Completion]:
        """The model's completions. Raises ModelError `other_model` where the server says that another one made them."""
        found = await self._model.complete(ask)
        for each in found:
            if each.served is not None and each.served != self._served:
                await self._meet(each.served)
        return found

    async def _meet(self, served: str) -> None:
        if self._served is not None:
            raise ModelError(
                "other_model",
                f"judge {self._name!r} was {self._served!r} so far, and now its server answers as {served!r}. "
                "Name the version as its `model`: its scores are then kept apart from the others.",
            )
        self._served = served
        await asyncio.to_thread(self._store.append, "served", [{"judge": self._judge, "model": served}])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Its owner closes the model."""
