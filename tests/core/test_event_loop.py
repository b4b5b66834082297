import asyncio

import pytest

from rlaif.core import event_loop


async def _answer() -> int:
    await asyncio.sleep(0)
    return 42


@pytest.mark.fault("P16")
def test_work_runs_from_plain_code_and_from_inside_a_running_loop() -> None:
    async def notebook() -> int:
        return event_loop.run(_answer())

    assert event_loop.run(_answer()) == asyncio.run(notebook()) == 42
