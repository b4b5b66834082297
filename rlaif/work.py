"""Does what is owed: units in, facts out, with a bounded number in hand at any time.

Results are kept in batches, each one transaction, at most 64 results or half a second after the first of them came: so
what a crash can lose is what was in flight and that half second, and memory is flat however much is owed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

Unit = TypeVar("Unit")
Result = TypeVar("Result")

BATCH = 64
SECONDS = 0.5


async def drain(
    units: Iterable[Unit],
    do: Callable[[Unit], Awaitable[Result]],
    keep: Callable[[list[Result]], None],
    *,
    concurrency: int,
) -> None:
    """Runs `do` on every unit, at most `concurrency` at once, and hands the results to `keep`, batch by batch.

    `keep` runs in a thread, one call at a time. If `do` raises, or the work is cancelled, nothing new is begun and what
    is finished is kept before the error goes on.
    """
    finished: asyncio.Queue[Result | None] = asyncio.Queue(maxsize=2 * concurrency + BATCH)
    source = iter(units)
    keeper = asyncio.create_task(_keep(finished, keep))
    workers = [asyncio.create_task(_worker(source, do, finished)) for _ in range(concurrency)]
    try:
        await _first_error([*workers, keeper], until=len(workers))
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if not keeper.done():
            await finished.put(None)
        await asyncio.shield(keeper)


async def _worker(
    source: Iterator[Unit], do: Callable[[Unit], Awaitable[Result]], finished: "asyncio.Queue[Result | None]"
) -> None:
    for unit in source:
        await finished.put(await do(unit))


async def _first_error(tasks: list["asyncio.Task[None]"], until: int) -> None:
    """Waits until `until` tasks ended well, or one ended badly, and then raises its error."""
    pending = set(tasks)
    while len(tasks) - len(pending) < until:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _keep(finished: "asyncio.Queue[Result | None]", keep: Callable[[list[Result]], None]) -> None:
    loop = asyncio.get_running_loop()
    over = False
    while not over:
        batch: list[Result] = []
        due = 0.0
        while not over and len(batch) < BATCH:
            try:
                item = await asyncio.wait_for(finished.get(), due - loop.time() if batch else None)
            except TimeoutError:
                break
            if item is None:
                over = True
            else:
                due = due or loop.time() + SECONDS
                batch.append(item)
        if batch:
            await asyncio.to_thread(keep, batch)
