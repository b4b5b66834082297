"""Records what servers report about themselves and how requests to them went, run by run, and notes changes.

A server may change its weights, its version or its context length under the same name, and nothing in its replies shows it.
"""

import asyncio
from collections import Counter, defaultdict
from types import TracebackType
from typing import Final

from rlaif.config import ModelConfig
from rlaif.context.run import Context, now
from rlaif.models.base import Model
from rlaif.models.openai.batch.client import OpenAIBatch
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.inspector import UNKNOWN_FINISH
from rlaif.models.registry import Models
from rlaif.store.store import Row

# What the servers of a model reported about themselves in the last earlier run that has such a report.
_LAST_REPORT: Final = """
    SELECT DISTINCT remark, value FROM server_observations
    WHERE server = $server AND model = $model AND run <> $run
    QUALIFY run = first_value(run) OVER (PARTITION BY remark ORDER BY rowid DESC)
"""
# Observations that identify a server. The others record how requests to it went.
IDENTITY: Final = ("version", "root", "max_model_len", "created", "fingerprint")


class ObservedModels(Models):
    """Models in use together; observations about their servers are kept in the store."""

    def __init__(self, context: Context) -> None:
        super().__init__(context.config.batches)
        self._context = context
        self._met: list[OpenAI | OpenAIBatch] = []

    async def get(self, config: ModelConfig, *, where: str = "", rewards: bool = False) -> Model:
        model = await super().get(config, where=where, rewards=rewards)
        if isinstance(model, OpenAI | OpenAIBatch) and model not in self._met:
            self._met.append(model)
            if isinstance(model, OpenAI):
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

    def _keep(self, model: OpenAI | OpenAIBatch) -> None:
        """Store the observations since the last call, and note what the user should know."""
        context, rows = self._context, observation_rows(self._context.run, model)
        model.remarks = Counter()
        before, after = defaultdict(set), defaultdict(set)
        for row in context.store.query(_LAST_REPORT, server=model.server, model=model.name, run=context.run):
            before[row["remark"]].add(row["value"])
        for row in rows:
            after[row["remark"]].add(row["value"])
            if row["remark"] == UNKNOWN_FINISH:
                context.progress.note(
                    f"{model.name} at {model.server}: {row['times']:,} completions have the unknown finish_reason "
                    f"{row['value']!r} and may not be whole. As responses they are never chosen, and as verdicts they are "
                    "malformed."
                )
        for remark in IDENTITY:
            # Vendors run several builds at a time, so a build that was seen before is not a change.
            if before[remark] and after[remark] and not before[remark] & after[remark]:
                context.progress.note(
                    f"{model.name} at {model.server} has changed since the last run: its {remark} was "
                    f"{_listed(before[remark])} and is {_listed(after[remark])}. "
                    "New results are stored beside the earlier ones."
                )
        context.store.append("server_observations", rows)


def observation_rows(run: str, model: OpenAI | OpenAIBatch) -> list[Row]:
    """Return what the server of a model reported in this run, as rows of `server_observations`."""
    whose = {"run": run, "server": model.server, "model": model.name, "created": now()}
    return [whose | {"remark": remark, "value": value, "times": times} for (remark, value), times in model.remarks.items()]


def _listed(values: set[str]) -> str:
    return ", ".join(sorted(values))
