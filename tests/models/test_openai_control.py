"""How much the client asks of which server: window, health, pace, and the fleet that they make up."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.config import OpenAIModel
from rlaif.core.errors import ModelError
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.health import FAILURES, LONGEST, Health
from rlaif.models.openai.pace import BURST, Pace
from rlaif.models.openai.window import Window
from tests.support.servers import Reply, Request, Server, chat, error, serve

HELLO = ChatRequest([{"role": "user", "content": "hello"}])
FINE = chat("fine")
BUSY = error(429, "too many requests", headers={"retry-after": "0.01"})


def model(*servers: Server, **options: Any) -> OpenAI:
    urls = [server.base_url for server in servers]
    settings = {"model": "m", "base_url": urls, "timeout": 5.0, "attempts": 8, "concurrency": 16, **options}
    return OpenAI(OpenAIModel(kind="openai", **settings), pause=0.01)


@pytest.mark.fault("H1")
def test_a_round_trip_of_refusals_halves_the_window_and_one_of_successes_widens_it_by_a_25th() -> None:
    window = Window(100)
    for _ in range(100):
        window.narrow()
    assert window.size == 50
    for _ in range(50):
        window.widen()
    assert window.size == 52


@given(st.lists(st.booleans(), max_size=2000), st.integers(1, 300))
def test_a_window_never_closes_and_never_exceeds_its_bound(signals: list[bool], most: int) -> None:
    window = Window(most)
    for good in signals:
        window.widen() if good else window.narrow()
        assert 1 <= window.size <= most


def test_one_stray_refusal_in_twenty_leaves_the_window_open() -> None:
    window = Window(256)
    for step in range(20_000):
        window.narrow() if step % 20 == 0 else window.widen()
    assert window.size >= 250


@pytest.mark.fault("P10")
def test_a_server_that_keeps_failing_is_quarantined_longer_each_time_until_it_answers() -> None:
    health = Health(pause=1.0)
    for _ in range(FAILURES - 1):
        health.bad(10.0)
    assert (health.until, health.probing) == (0.0, False)
    health.bad(10.0)
    health.bad(10.5)  # what was in flight with it fails too, and that counts once
    assert (health.until, health.probing, health.since) == (11.0, True, 10.0)
    health.bad(11.0)
    assert health.until == 13.0
    for now in range(20, 2000, 40):
        health.bad(float(now))
    assert health.until == 1980 + LONGEST
    health.good()
    assert (health.probing, health.since) == (False, None)
    for _ in range(FAILURES):
        health.bad(3000.0)
    assert health.until == 3001.0


def test_a_pace_spreads_requests_over_the_minute_and_corrects_its_estimate() -> None:
    pace = Pace(60)
    assert pace.reserve(1, 100.0) == 0.0
    waits = [pace.reserve(1, 100.0) for _ in range(3)]
    assert waits == [BURST - 1.0, BURST, BURST + 1.0]
    pace.correct(10)
    assert pace.reserve(1, 100.0) == pytest.approx(BURST + 12.0)
    pace.correct(-11)
    assert pace.reserve(1, 100.0) == pytest.approx(BURST + 2.0)


def test_without_a_limit_there_is_no_wait() -> None:
    pace = Pace(None)
    assert [pace.reserve(1e9, 100.0) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_requests_keep_below_the_limit_of_a_minute() -> None:
    async def run() -> float:
        async with serve([FINE]) as server, model(server, requests_per_minute=1200) as served:
            clock = asyncio.get_running_loop().time
            started = clock()
            await asyncio.gather(*(served.complete(HELLO) for _ in range(30)))
            return clock() - started

    # 20 a second, of which a second's worth may go at once.
    assert asyncio.run(run()) >= 0.45


def test_servers_of_one_model_share_the_load_by_what_is_in_flight() -> None:
    async def run() -> tuple[int, int]:
        async with serve([chat("a", hang=0.02)]) as slow, serve([chat("a", hang=0.005)]) as fast:
            async with model(slow, fast) as served:
                queue = iter(range(200))

                async def work() -> None:
                    for _ in queue:
                        await served.complete(HELLO)

                await asyncio.gather(*(work() for _ in range(8)))
            return len(slow.chats), len(fast.chats)

    slow, fast = asyncio.run(run())
    assert slow + fast == 200
    assert fast > 1.5 * slow > 0


@pytest.mark.fault("H9")
def test_a_dead_server_is_quarantined_and_the_other_takes_its_work() -> None:
    async def run() -> tuple[int, int]:
        async with serve([Reply(close=True)]) as dead, serve([FINE]) as alive:
            async with model(dead, alive) as served:
                for _ in range(10):
                    answers = await asyncio.gather(*(served.complete(HELLO) for _ in range(20)))
                    assert all(answer[0].text == "fine" for answer in answers)
            return len(dead.chats), len(alive.chats)

    dead, alive = asyncio.run(run())
    assert alive == 200
    assert dead < 40


@pytest.mark.fault("H9")
def test_a_server_that_comes_back_is_used_again() -> None:
    async def run() -> int:
        down = [Reply(close=True)] * (FAILURES + 1)
        async with serve([*down, FINE]) as server, model(server, attempts=20) as served:
            await asyncio.gather(*(served.complete(HELLO) for _ in range(50)))
            return len(server.chats)

    assert asyncio.run(run()) <= 50 + 2 * FAILURES


@pytest.mark.fault("H9", "P10")
def test_once_all_servers_have_failed_for_too_long_the_run_ends_and_says_so() -> None:
    async def run() -> str:
        script = [FINE, Reply(close=True)]
        async with serve(script) as server, model(server, attempts=1000, timeout=0.1) as served:
            await served.complete(HELLO)
            with pytest.raises(ModelError) as caught:
                await asyncio.gather(*(served.complete(HELLO) for _ in range(50)))
            return caught.value.kind

    assert asyncio.run(run()) in ("unreachable", "connection")


@pytest.mark.fault("H2")
def test_refusals_for_the_rate_narrow_what_is_in_flight_to_what_the_server_bears() -> None:
    bears = 4
    seen: list[Server] = []

    def answer(request: Request) -> Reply:
        return chat("fine", hang=0.004) if seen[0].in_flight <= bears else BUSY

    async def run() -> tuple[int, int]:
        async with serve([answer]) as server, model(server, attempts=50) as served:
            seen.append(server)
            await asyncio.gather(*(served.complete(HELLO) for _ in range(300)))
            first = len(server.chats)
            await asyncio.gather(*(served.complete(HELLO) for _ in range(300)))
            return first - 300, len(server.chats) - first - 300

    before, after = asyncio.run(run())
    assert before > 0
    assert after < 0.25 * 300


@pytest.mark.fault("H1")
def test_a_long_requested_wait_costs_no_attempt() -> None:
    async def run() -> tuple[str, int]:
        rest = error(429, "slow down", headers={"retry-after": "61"})
        async with serve([rest, FINE]) as resting, serve([FINE]) as other, model(resting, other, attempts=1) as served:
            answers = await asyncio.gather(*(served.complete(HELLO) for _ in range(10)))
            return answers[0][0].text, len(resting.chats)

    assert asyncio.run(run()) == ("fine", pytest.approx(5, abs=3))


@pytest.mark.fault("H1")
def test_a_server_that_requests_a_wait_of_a_day_ends_the_run() -> None:
    async def run() -> str:
        rest = error(429, "daily limit", headers={"retry-after": "86400"})
        async with serve([rest]) as server, model(server) as served:
            with pytest.raises(ModelError) as caught:
                await served.complete(HELLO)
            return f"{caught.value.kind}: {caught.value}"

    assert asyncio.run(run()).startswith("quota")


@pytest.mark.fault("H11")
def test_no_slot_leaks_after_a_thousand_requests_that_never_end() -> None:
    def answer(request: Request) -> Reply:
        return Reply(hang=30) if request.body["messages"][0]["content"] == "stall" else FINE

    async def run() -> tuple[int, int]:
        stall = ChatRequest([{"role": "user", "content": "stall"}])
        async with serve([answer]) as server, model(server, attempts=1, timeout=3.0, concurrency=1000) as served:
            gone = await asyncio.gather(*(served.complete(stall) for _ in range(1000)), return_exceptions=True)
            assert {getattr(each, "kind", None) for each in gone} == {"timeout"}
            answers = [await served.complete(HELLO) for _ in range(3)]
            answers += await asyncio.gather(*(served.complete(HELLO) for _ in range(100)))
            return len(answers), served._fleet.endpoints[0].in_flight

    assert asyncio.run(run()) == (103, 0)


@pytest.mark.fault("H20")
def test_another_model_under_the_same_name_ends_the_run() -> None:
    def named(name: str) -> Reply:
        return Reply(json.dumps({"model": name, "choices": [{"index": 0, "message": {"content": "x"}}]}).encode())

    async def run() -> ModelError:
        async with serve([named("m-1"), named("m-1"), named("m-2")]) as server, model(server) as served:
            await served.complete(HELLO)
            await served.complete(HELLO)
            with pytest.raises(ModelError) as caught:
                await served.complete(HELLO)
            return caught.value

    found = asyncio.run(run())
    assert (found.kind, found.fatal) == ("other_model", True)
    assert "m-2" in str(found)
    assert "m-1" in str(found)


@pytest.mark.fault("H11")
def test_a_request_past_its_deadline_is_retried_at_once() -> None:
    async def run() -> float:
        async with serve([chat("late", hang=5.0), FINE]) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, timeout=0.2)
            # With a pause like this, a back-off would be seen.
            async with OpenAI(config, pause=60) as served:
                began = asyncio.get_running_loop().time()
                await served.complete(HELLO)
                return asyncio.get_running_loop().time() - began

    assert 0.2 <= asyncio.run(run()) < 1.0
