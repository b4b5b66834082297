"""Run workers over pending units and store the results, with a bounded number of units open at any time.

Results are stored in batches, one transaction each. A single result is stored at once; after each batch the writer pauses in
proportion to how long the batch took, and then takes everything that arrived meanwhile. So a crash loses open requests and a
fraction of a second, writing takes a bounded share of the time, and memory stays flat however much is pending.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from rlaif.core.signals import STOP, UnsentError

Unit = TypeVar("Unit")
Result = TypeVar("Result")

# The writer's pause as a multiple of the time of its last batch, so that writing takes a tenth of the time on any disk; and
# the longest pause in seconds, far below the second within which results must be durable.
REST, MOST_REST = 9.0, 0.2
# Bounds the memory of one batch at any rate.
BATCH = 1024

_OVER = object()


async def run_workers(
    units: Iterable[Unit] | AsyncIterable[Unit],
    do: Callable[[Unit], Awaitable[Result]],
    keep: Callable[[list[Result]], None],
    *,
    concurrency: int,
    on_result: Callable[[Result], None] = lambda result: None,
) -> None:
    """Run `do` on every unit, at most `concurrency` at once, and hand the results to `keep` in batches.

    `keep` runs in a thread, one call at a time; `on_result` is called with each result at once. If `do` or `on_result`
    raises, or the work is cancelled, no further unit starts, and finished results are stored before the error is raised.
    When a stop is requested, no further unit starts, units that were not sent stay pending, and the call returns once the
    rest is stored.
    """
    waiting: asyncio.Queue[object] = asyncio.Queue(maxsize=concurrency)
    finished: asyncio.Queue[object] = asyncio.Queue(maxsize=2 * concurrency + BATCH)
    ended = asyncio.Event()
    keeper = asyncio.create_task(_keep(finished, keep, ended))
    feeder = asyncio.create_task(_feed(units, waiting, concurrency))
    workers = [asyncio.create_task(_work(waiting, do, finished, on_result)) for _ in range(concurrency)]

    def halt() -> None:
        feeder.cancel()
        while not waiting.empty():
            waiting.get_nowait()
        for _ in workers:
            waiting.put_nowait(_OVER)

    async def end() -> None:
        for task in (feeder, *workers):
            task.cancel()
        await asyncio.gather(feeder, *workers, return_exceptions=True)
        ended.set()
        if not keeper.done():
            await finished.put(_OVER)
        await keeper

    try:
        with STOP.on_stop(halt):
            await _all_or_first_error({feeder, *workers}, keeper)
    finally:
        await _surely(end())


async def run_together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run coroutines at the same time. The first error cancels the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _surely(work: Coroutine[None, None, None]) -> None:
    """Complete the work even if this task is cancelled meanwhile."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _feed(units: Iterable[Unit] | AsyncIterable[Unit], waiting: "asyncio.Queue[object]", workers: int) -> None:
    # Only a stop cancels this task while the workers run, and the stop also ends them.
    with suppress(asyncio.CancelledError):
        if isinstance(units, AsyncIterable):
            async for unit in units:
                await waiting.put(unit)
        else:
            for unit in units:
                await waiting.put(unit)
        for _ in range(workers):
            await waiting.put(_OVER)


async def _work(
    waiting: "asyncio.Queue[object]",
    do: Callable[[Unit], Awaitable[Result]],
    finished: "asyncio.Queue[object]",
    on_result: Callable[[Result], None],
) -> None:
    while (unit := await waiting.get()) is not _OVER:
        with suppress(UnsentError):
            result = await do(unit)  # type: ignore[arg-type]
            await finished.put(result)
            on_result(result)


async def _all_or_first_error(tasks: "set[asyncio.Task[None]]", keeper: "asyncio.Task[None]") -> None:
    """Wait until all tasks have succeeded; raise the error of the first one, or of the keeper, that fails."""
    pending = {*tasks, keeper}
    while pending != {keeper}:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _keep(finished: "asyncio.Queue[object]", keep: Callable[[list[Result]], None], ended: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    over, ready = False, 0.0
    while not over:
        batch = [await finished.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(ready):
                await ended.wait()
        while len(batch) < BATCH and not finished.empty():
            batch.append(finished.get_nowait())
        over = batch[-1] is _OVER
        results: list[Result] = [item for item in batch if item is not _OVER]  # type: ignore[misc]
        began = loop.time()
        if results:
            await asyncio.to_thread(keep, results)
        ready = loop.time() + min(REST * (loop.time() - began), MOST_REST)


class StageQueue(AsyncIterable[Unit]):
    """A queue of batches by which one stage passes units to the next while both run.

    The first stage waits for `room` before it starts a unit. It never waits to add results: whoever stores results must not
    wait for the next stage, because paid results have to be stored at once.
    """

    def __init__(self, batches: int = 4) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self._batches = batches
        self._abandoned = False
        self._room = asyncio.Event()
        self._room.set()

    async def room(self) -> None:
        """Wait while the next stage is behind by the number of batches."""
        await self._room.wait()

    def put_from_thread(self, units: Sequence[Unit]) -> None:
        """Add a batch from the thread that stores results."""
        self._loop.call_soon_threadsafe(self._put, units)

    def _put(self, units: object) -> None:
        if not self._abandoned:
            self._queue.put_nowait(units)
            if self._queue.qsize() >= self._batches:
                self._room.clear()

    def close(self) -> None:
        """Say that no more units will come."""
        self._put(_OVER)

    def abandon(self) -> None:
        """Say that nobody takes units any more; further units are discarded."""
        self._abandoned = True
        self._room.set()
        while not self._queue.empty():
            self._queue.get_nowait()

    async def __aiter__(self) -> AsyncIterator[Unit]:
        while (units := await self._queue.get()) is not _OVER:
            if self._queue.qsize() < self._batches:
                self._room.set()
            for unit in units:  # type: ignore[attr-defined]
                yield unit
