import asyncio

from rlaif import loop


async def _answer() -> int:
    await asyncio.sleep(0)
    return 42


def test_work_runs_from_plain_code_and_from_inside_a_running_loop() -> None:
    async def notebook() -> int:
        return loop.run(_answer())

    assert loop.run(_answer()) == asyncio.run(notebook()) == 42
