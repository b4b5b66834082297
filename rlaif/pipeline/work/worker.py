"""A worker: does the units of a folder, or its share of them, with the models of the folder's pipeline."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rlaif.context.budget import Budget
from rlaif.context.run import now
from rlaif.core import event_loop
from rlaif.core.progress import Progress, Quiet, Tally
from rlaif.core.workers import run_workers
from rlaif.models.openai.batch.client import OpenAIBatch
from rlaif.models.openai.client import OpenAI
from rlaif.models.registry import Models
from rlaif.pipeline.circuit_breaker import CircuitBreaker
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.server_info import observation_rows
from rlaif.pipeline.unit_results import UnitResult
from rlaif.pipeline.work.accounts import UNIT, Accounts, FolderFacts, WorkerContext
from rlaif.pipeline.work.folder import Row, Shard, Task, read_units, read_work
from rlaif.pipeline.work.frozen import thaw
from rlaif.pipeline.work.results import Results, result_row
from rlaif.pipeline.work.share import WHOLE, Share, held, limits
from rlaif.pipeline.work.tasks import Performer, open_task

# Units without a model whose results are not durable yet.
FREE_UNITS: Final = 4096


def work(folder: Path, share: Share = WHOLE, *, allow_code: bool = False, progress: Progress | None = None) -> list[Tally]:
    """Do the unfinished units of a folder, or of a worker's share of it; return what was done for each task.

    A worker that is started again continues where it was stopped. Rate limits, requests in flight and the budget are
    divided by the number of workers. Raises BudgetError once this worker's part of the budget is spent.
    """
    manifest = read_work(folder)
    tallies = []
    with held(folder, share):
        plan = thaw(folder, manifest, allow_code=allow_code)
        if share.count > 1:
            plan = thaw(folder, manifest, limits(plan, share), allow_code=allow_code)
        results, accounts = Results(folder), Accounts.of(folder, manifest, plan, share)
        facts = FolderFacts(folder, manifest, results, accounts)
        run = f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        context = WorkerContext(run, Budget(plan.config, accounts.spent), facts)
        for task in manifest.tasks:
            job = _Job(folder, task, plan, share, context, results, accounts, facts, progress or Quiet(), allow_code)
            event_loop.run(job.run())
            tallies.append(job.tally)
            context.budget.check()
    return tallies


@dataclass
class _Job:
    """One task of a worker."""

    folder: Path
    task: Task
    plan: Plan
    share: Share
    context: WorkerContext
    results: Results
    accounts: Accounts
    facts: FolderFacts
    progress: Progress
    allow_code: bool
    tally: Tally = field(init=False)
    _left: Counter[str] = field(default_factory=Counter)
    """The number of units of each open shard that have no result yet."""
    _before: bool = False

    def __post_init__(self) -> None:
        self.tally = Tally(self.task.stage)

    async def run(self) -> None:
        shards = await asyncio.to_thread(self._unfinished)
        if not shards:
            self.progress.note(f"{self.task.stage}: up to date")
            return
        async with Models(self.folder / "batches") as models:
            with self.progress.show(self.tally):
                try:
                    await self._do(models, shards)
                finally:
                    await asyncio.to_thread(self._keep_observations, models)
                    await asyncio.to_thread(self.results.wait)

    async def _do(self, models: Models, shards: list[Shard]) -> None:
        performer = await open_task(self.plan, self.task, self.context, models, self.tally, allow_code=self.allow_code)
        breaker = CircuitBreaker(self.task.stage)
        for model in models.opened:
            if isinstance(model, OpenAI):
                await model.meet()

        # A unit is in flight until its result is durable, so that a crash costs at most as many. Checks cost nothing.
        most = performer.concurrency if performer.model else FREE_UNITS
        in_flight, loop = asyncio.Semaphore(most), asyncio.get_running_loop()

        async def do(row: Row) -> tuple[Row, UnitResult]:
            UNIT.set(row)
            await in_flight.acquire()
            try:
                return row, await performer.do(row)
            except BaseException:
                in_flight.release()
                raise

        def keep(batch: list[tuple[Row, UnitResult]]) -> None:
            self._keep(batch, performer)
            for _ in batch:
                loop.call_soon_threadsafe(in_flight.release)

        await run_workers(
            self.context.budget.within(self._units(shards), self.tally, performer.model, performer.guess),
            do,
            keep,
            concurrency=performer.concurrency,
            on_result=lambda done: breaker.record(*done[1].failed),
        )
        if performer.context:
            performer.context.report(self.task.stage, self.progress.note)
        breaker.finish(lambda: [True] if self._before else [])

    def _unfinished(self) -> list[Shard]:
        """Return the shards of this worker with unfinished units, and count those units."""
        found, pending = [], 0
        for shard in self.share.of(self.task.shards):
            if (self.folder / "results" / f"{shard.name}.parquet").exists():
                self._before = True
                continue
            done = len(self.results.finished(shard.name))
            self._before = self._before or done > 0
            pending += shard.outcomes * (shard.units - done) // max(shard.units, 1)
            found.append(shard)
        self.tally.pending = pending
        return found

    async def _units(self, shards: list[Shard]) -> AsyncIterator[Row]:
        for shard in shards:
            for row in await asyncio.to_thread(self._open, shard):
                yield row

    def _open(self, shard: Shard) -> list[Row]:
        finished = self.results.finished(shard.name)
        rows = [row for row in read_units(self.folder, shard) if row["unit"] not in finished]
        for row in rows:
            row |= {"shard": shard.name, "stage": self.task.stage}
        self._left[shard.name] = len(rows)
        self.facts.open(shard.name)
        if not rows:
            self._close(shard.name)
        return rows

    def _close(self, shard: str) -> None:
        del self._left[shard]
        self.results.finish(shard)
        self.facts.close(shard)

    def _keep(self, batch: list[tuple[Row, UnitResult]], performer: Performer) -> None:
        by_shard: dict[str, list[Row]] = {}
        for unit, result in batch:
            row = result_row(unit, result, performer.guess(unit)[1])
            by_shard.setdefault(unit["shard"], []).append(row)
        for shard, rows in by_shard.items():
            self.results.write(shard, rows)
            self.accounts.add(self.task.stage, rows)
            self._left[shard] -= len(rows)
            if not self._left[shard]:
                self._close(shard)
        for _, result in batch:
            for outcome in result.outcomes:
                self.tally.finish(outcome)

    def _keep_observations(self, models: Models) -> None:
        """Keep what servers reported, among it the tokens that they read from their prompt caches, which cost less."""
        for model in models.opened:
            if isinstance(model, OpenAI | OpenAIBatch) and model.remarks:
                self.facts.append("server_observations", observation_rows(self.context.run, model))
