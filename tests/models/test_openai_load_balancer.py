"""Which server an ask goes to: the one that has read its text, unless that is far busier; and none once a stop is asked for."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from rlaif.config import OpenAIModel
from rlaif.core.errors import ModelError
from rlaif.core.signals import STOP, UnsentError
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import RequestHead
from rlaif.models.openai.endpoint import Endpoint
from rlaif.models.openai.load_balancer import LoadBalancer
from tests.support.servers import Reply, Request, Server, chat, error, reply, serve

TEXTS, ASKS, CONCURRENCY = 150, 8, 96


def ask(text: str, **options: object) -> ChatRequest:
    return ChatRequest([{"role": "user", "content": f"About {text}: {random.random()}"}], about=text, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def three(hang: float) -> AsyncIterator[list[Server]]:
    def answer(request: Request) -> Reply:
        return chat("fine", hang=hang * random.uniform(0.5, 1.5))

    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serve([answer])) for _ in range(3)]


async def spread(shared: bool) -> list[Counter[str]]:
    """How often each server was asked about each text: in order of texts, with bounded hands, as stages ask."""
    async with three(hang=0.01) as servers:
        urls = [server.base_url for server in servers]
        async with OpenAI(OpenAIModel(kind="openai", model="m", base_url=urls, concurrency=CONCURRENCY)) as model:
            units = iter([f"text {number}" for number in range(TEXTS) for _ in range(ASKS)])

            async def work() -> None:
                for text in units:
                    await model.complete(ask(text) if shared else ChatRequest(ask(text).messages))

            await asyncio.gather(*(work() for _ in range(model.concurrency)))
        # "About text 7: 0.1" is what they were sent.
        texts = [[request.body["messages"][0]["content"].split(":")[0] for request in server.chats] for server in servers]
        return [Counter(each) for each in texts]


def kept_together(found: list[Counter[str]]) -> float:
    """The share of asks that went to the server that had most of their text."""
    most = defaultdict(int)
    for server in found:
        for text, count in server.items():
            most[text] = max(most[text], count)
    return sum(most.values()) / (TEXTS * ASKS)


def test_requests_about_one_text_go_to_one_server_and_no_server_is_idle() -> None:
    apart, together = asyncio.run(spread(shared=False)), asyncio.run(spread(shared=True))
    assert kept_together(together) > kept_together(apart) + 0.2
    assert kept_together(together) > 0.7
    assert all(server.total() > TEXTS * ASKS / 3 * 0.75 for server in together)


@pytest.mark.fault("P2")
def test_after_a_stop_only_requests_of_started_units_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[list[object], int]:
        async with serve([chat("fine", hang=0.2)]) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, concurrency=2)
            async with OpenAI(config) as model:
                asks = [*(ask("new") for _ in range(4)), ask("begun", follows=True)]
                sent = [asyncio.create_task(model.complete(each)) for each in asks]
                await asyncio.sleep(0.1)
                monkeypatch.setattr(STOP, "_heard", 1)
                sent.append(asyncio.create_task(model.complete(ask("late"))))
                found = await asyncio.gather(*sent, return_exceptions=True)
            return found, len(server.chats)

    found, requests = asyncio.run(run())
    unsent = [place for place, each in enumerate(found) if isinstance(each, UnsentError)]
    assert unsent == [2, 3, 5]
    assert requests == 3


def one_at_a_time() -> LoadBalancer:
    return LoadBalancer([Endpoint(RequestHead("http://127.0.0.1:1/v1", {}), most=1)], most=1, patience=60.0)


@pytest.mark.fault("H11")
def test_a_request_past_its_deadline_keeps_its_place() -> None:
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.body["messages"][0]["content"])
        return chat("late", hang=5.0) if seen == ["stall"] else chat("fine")

    async def run() -> None:
        async with serve([answer]) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, concurrency=1, timeout=0.2)
            async with OpenAI(config) as model:
                await asyncio.gather(*(model.complete(ChatRequest([{"role": "user", "content": text}])) for text in texts))

    texts = ["stall", "new", "new", "new"]
    asyncio.run(run())
    assert seen == ["stall", *texts]


def test_requests_waiting_for_a_server_are_admitted_in_turn_and_retries_first() -> None:
    fleet = one_at_a_time()
    went: list[str] = []

    async def go(name: str, again: bool) -> None:
        endpoint = await fleet.enter(again=again)
        went.append(name)
        await asyncio.sleep(0)
        fleet.leave(endpoint)
        if name == "first":
            await go("late", False)

    async def run() -> None:
        asks = [("first", False), ("second", False), ("third", True), ("fourth", False), ("fifth", True)]
        tasks = [asyncio.create_task(go(*each)) for each in asks]
        await asyncio.sleep(0)
        tasks[3].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert went == ["first", "third", "fifth", "second", "late"]


def test_a_slot_given_to_a_cancelled_waiter_goes_to_the_next() -> None:
    fleet = one_at_a_time()

    async def run() -> int:
        first = await fleet.enter()
        second, third = (asyncio.create_task(fleet.enter()) for _ in range(2))
        await asyncio.sleep(0)
        fleet.leave(first)
        # By now the place is given, and whose it is has not heard of it.
        asyncio.get_running_loop().call_soon(second.cancel)
        endpoint = await third
        assert second.cancelled()
        return endpoint.in_flight

    assert asyncio.run(run()) == 1


def test_a_server_that_fails_on_some_inputs_only_is_not_considered_down() -> None:
    def answer(request: Request) -> Reply:
        if request.path.endswith("/models"):
            return reply({"data": [{"id": "m"}]})
        return error(500, "out of range") if "poison" in request.body["messages"][0]["content"] else chat("fine")

    async def asked() -> list[str]:
        async with serve([answer]) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, concurrency=4, attempts=3, timeout=1.0)
            async with OpenAI(config, pause=0.02) as model:
                texts = ["poison"] * 12 + ["text"]
                found = await asyncio.gather(*(model.complete(ask(text)) for text in texts), return_exceptions=True)
        return [each.kind if isinstance(each, ModelError) else each[0].text for each in found]  # type: ignore[index]

    assert asyncio.run(asked()) == ["server"] * 12 + ["fine"]
