"""A queue between two stages: results are stored without waiting, and the first stage pauses instead."""

import asyncio

from rlaif.core.workers import StageQueue


def test_storing_results_does_not_wait_for_a_stage_that_is_behind() -> None:
    async def run() -> tuple[bool, list[int]]:
        queue: StageQueue[int] = StageQueue(batches=2)
        for number in range(5):
            async with asyncio.timeout(5):
                await asyncio.to_thread(queue.put_from_thread, [number])
        paused = asyncio.create_task(queue.room())
        await asyncio.sleep(0)
        waits = not paused.done()
        queue.close()
        taken = [unit async for unit in queue]
        async with asyncio.timeout(5):
            await paused
        return waits, taken

    assert asyncio.run(run()) == (True, [0, 1, 2, 3, 4])


def test_an_abandoned_queue_pauses_no_producer() -> None:
    async def run() -> None:
        queue: StageQueue[int] = StageQueue(batches=1)
        queue.put_from_thread([1])
        await asyncio.sleep(0)
        queue.abandon()
        async with asyncio.timeout(5):
            await queue.room()

    asyncio.run(run())
