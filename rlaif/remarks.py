"""What servers tell of themselves, and what they made us do: kept run by run, and told where it differs from the last run.

A server may change its weights, its version or its length and not its name, and nothing in its answers shows it.
"""

import asyncio
from collections import Counter, defaultdict
from types import TracebackType
from typing import Final

from rlaif.config import ModelConfig
from rlaif.context import Context, now
from rlaif.models import Models
from rlaif.models.ask import Model
from rlaif.models.openai import OpenAI

# Remarks by which a server tells what it is. The others tell how requests to it went.
IDENTITY: Final = ("version", "root", "max_model_len", "created", "fingerprint")


class Remarked(Models):
    """Models in use together, as Models are, and what their servers remark is kept in the store."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.config.batches)
        self._context = context
        self._met: list[OpenAI] = []

    async def get(self, config: ModelConfig, *, where: str = "", rewards: bool = False) -> Model:
        model = await super().get(config, where=where, rewards=rewards)
        if isinstance(model, OpenAI) and model not in self._met:
            self._met.append(model)
            await model.meet()
            await asyncio.to_thread(self._keep, model)
        return model

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for model in self._met:
                self._keep(model)
        finally:
            await super().__aexit__(kind, error, trace)

    def _keep(self, model: OpenAI) -> None:
        """Writes down what was remarked since it was last called, and tells what a server is now and was not before."""
        context, remarks = self._context, model.remarks
        model.remarks = Counter()
        whose = {"run": context.run, "server": model.server, "model": model.name}
        before, after = defaultdict(set), defaultdict(set)
        for row in context.store.query("remarks/last", **whose):
            before[row["remark"]].add(row["value"])
        for remark, value in remarks:
            after[remark].add(value)
        for remark in IDENTITY:
            # Vendors answer by several builds at a time, so one that was there before is no change.
            if before[remark] and after[remark] and not before[remark] & after[remark]:
                context.progress.note(
                    f"{model.name} at {model.server} is another than in the last run: its {remark} was "
                    f"{_listed(before[remark])} and is {_listed(after[remark])}. Its answers stand beside the earlier ones."
                )
        created = now()
        context.store.append("remarks", [
            whose | {"remark": remark, "value": value, "times": times, "created": created}
            for (remark, value), times in remarks.items()
        ])  # fmt: skip


def _listed(values: set[str]) -> str:
    return ", ".join(sorted(values))
