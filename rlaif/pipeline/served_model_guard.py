"""Stop a run if a judge's server reports a different model than before."""

import asyncio

from rlaif.context.facts import Facts
from rlaif.core.errors import ModelError
from rlaif.models.base import AlwaysOpen, ChatRequest, Completion, Model


class ServedModelGuard(AlwaysOpen):
    """An open model of a judge (given by key and name) that checks the model name in every reply.

    A server may serve another model under an old name, or a vendor may move an alias. The first name is stored; scores of
    two models must not be mixed as if they came from one judge.
    """

    def __init__(self, model: Model, facts: Facts, judge: str, name: str) -> None:
        self.concurrency = model.concurrency
        self._model, self._facts, self._judge, self._name = model, facts, judge, name
        self._served = facts.served(judge)

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return the model's completions. Raises ModelError `other_model` if the server reports a different model."""
        found = await self._model.complete(request)
        for each in found:
            if each.served is not None and each.served != self._served:
                await self._meet(each.served)
        return found

    async def _meet(self, served: str) -> None:
        if self._served is not None:
            raise ModelError(
                "other_model",
                f"judge {self._name!r} was served by the model {self._served!r}, and the server now reports {served!r}. "
                "Set the judge's `model` to the exact version: its scores are then stored separately.",
            )
        self._served = served
        await asyncio.to_thread(self._facts.append, "served_models", [{"judge": self._judge, "model": served}])
