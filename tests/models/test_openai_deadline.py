import asyncio

import pytest

from rlaif.models.openai.deadline import Deadline

# Seconds. Long enough for a busy machine to keep what is due apart.
SHORT, LONG = 0.05, 30.0


async def waiting(deadline: Deadline, seconds: float) -> str:
    try:
        with deadline:
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "late"
    return "in time"


def test_slow_work_times_out_and_other_work_is_unaffected() -> None:
    async def run() -> list[str]:
        deadline = Deadline(SHORT)
        first = await asyncio.gather(*(waiting(deadline, seconds) for seconds in (LONG, 0.0, LONG)))
        # The timer that served them is not the last one.
        return [*first, await waiting(deadline, LONG), await waiting(deadline, 0.0)]

    assert asyncio.run(run()) == ["late", "in time", "late", "late", "in time"]


def test_each_wait_has_its_own_deadline() -> None:
    async def run() -> float:
        deadline, loop = Deadline(4 * SHORT), asyncio.get_running_loop()
        first = asyncio.create_task(waiting(deadline, LONG))
        await asyncio.sleep(2 * SHORT)
        began = loop.time()
        assert await waiting(deadline, LONG) == "late"
        assert first.done()
        return loop.time() - began

    assert asyncio.run(run()) >= 4 * SHORT


def test_a_task_that_somebody_cancels_is_cancelled_and_not_late() -> None:
    async def run() -> None:
        deadline = Deadline(LONG)
        task = asyncio.create_task(waiting(deadline, LONG))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await waiting(deadline, 0.0) == "in time"

    asyncio.run(run())
