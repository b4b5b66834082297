"""A server or proxy that sends some replies twice: no response may end up at another prompt, whenever the copy arrives."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from rlaif.config import OpenAIModel
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.duplicates import SeenReplies, reply_id
from tests.support.raw_server import listening, read_body

RESPONSES, EVERY = 400, 20
# When the copy is sent, and seconds after the reply. "with the next request" is the worst: before its own reply.
TIMINGS = {
    "with the reply": 0.0,
    "just after it": 0.0005,
    "after a while": 0.02,
    "with the next request": None,
    "two requests later": None,
}
ids = itertools.count()
NAMES: dict[str, Callable[[], str | None]] = {
    "unique ids": lambda: f"chatcmpl-{next(ids):08x}",
    "one id for all": lambda: "chatcmpl-1",
    "few ids": lambda: f"chatcmpl-{next(ids) % 7}",
    "an empty id": lambda: "",
    "no ids": lambda: None,
}


def reply(request: bytes, name: str | None) -> bytes:
    """A chat completion whose text says which prompt it answers."""
    prompt = orjson.loads(request)["messages"][0]["content"]
    body = {"object": "chat.completion", "model": "m", "created": 1_700_000_000}
    body["choices"] = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"to {prompt}"}}]
    data = orjson.dumps(body if name is None else {"id": name, **body})
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data)


@asynccontextmanager
async def repeating(timing: str, name: Callable[[], str | None], every: int = EVERY) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that sends every so many replies twice; its address, and how many requests and copies there were."""
    counts = [0, 0]
    tasks: set[asyncio.Task[None]] = set()

    async def late(writer: asyncio.StreamWriter, data: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not writer.is_closing():
            counts[1] += 1
            writer.write(data)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: list[tuple[int, bytes]] = []
        for served in itertools.count():
            data = reply(await read_body(reader), name())
            counts[0] += 1
            for due, copy in [each for each in waiting if each[0] <= served]:
                waiting.remove((due, copy))
                counts[1] += 1
                writer.write(copy)
                await writer.drain()
                await asyncio.sleep(0.001)
            again, delay = counts[0] % every == 0, TIMINGS[timing]
            writer.write(data + data if again and delay == 0.0 else data)
            if again and delay is None:
                waiting.append((served + (1 if timing == "with the next request" else 2), data))
            elif again and delay:
                tasks.add(asyncio.create_task(late(writer, data, delay)))
            elif again:
                counts[1] += 1
            await writer.drain()

    try:
        async with listening(handle, "/v1") as url:
            yield url, counts
    finally:
        await asyncio.gather(*tasks)


async def ask_all(url: str, number: int, concurrency: int) -> dict[str, str]:
    """What each prompt was answered."""
    model = OpenAIModel(kind="openai", model="m", base_url=url, concurrency=concurrency, timeout=20.0)
    async with OpenAI(model, pause=0.001) as served:
        prompts = [f"prompt {place}" for place in range(number)]
        found = await asyncio.gather(
            *(served.complete(ChatRequest([{"role": "user", "content": each}])) for each in prompts)
        )
        assert not [kind for kind in served.remarks if kind not in {("surplus", "replies")}]
    return {prompt: answer[0].text for prompt, answer in zip(prompts, found, strict=True)}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("timing", TIMINGS)
def test_no_response_is_at_the_wrong_prompt_when_every_20th_reply_comes_twice(
    timing: str, name: Callable[[], str | None]
) -> None:
    async def run() -> tuple[dict[str, str], list[int]]:
        async with repeating(timing, name) as (url, counts):
            return await ask_all(url, RESPONSES, concurrency=4), counts

    found, (requests, _) = asyncio.run(run())
    assert [prompt for prompt, text in found.items() if text != f"to {prompt}"] == []
    # A copy costs one more request at most, and telling that ids repeat one for each connection.
    assert requests <= RESPONSES + RESPONSES // EVERY + 8


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_repeated_ids_cause_no_second_request_to_an_honest_server(name: Callable[[], str | None]) -> None:
    async def run() -> tuple[dict[str, str], list[int]]:
        async with repeating("with the reply", name, every=10**9) as (url, counts):
            return await ask_all(url, 100, concurrency=4), counts

    found, (requests, _) = asyncio.run(run())
    assert all(text == f"to {prompt}" for prompt, text in found.items())
    assert requests <= 100 + 4


def test_a_reply_to_another_question_is_not_used_over_a_new_connection_either() -> None:
    seen = SeenReplies()
    first, second = b'{"id": "a", "x": 1}', b'{"id": "b", "x": 2}'
    assert seen.examine(first, 1, first=True) == (True, True)
    assert seen.examine(second, 2, first=False) == (True, True)
    assert seen.examine(first, 3, first=False) == (False, False)
    assert seen.examine(first, 3, first=True) == (False, False)
    assert seen.examine(first, 1, first=True) == (True, False), "a cache may answer the same question again"


def test_replies_with_repeated_ids_are_accepted_if_they_differ() -> None:
    seen = SeenReplies()
    for number in range(20):
        body = b'{"id": "chatcmpl-1", "x": %d}' % number
        assert seen.examine(body, number, first=True)[0]
    assert seen.examine(body, 99, first=True) == (True, False), "over new connections only"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"id": "chatcmpl-1", "choices": []}', "chatcmpl-1"),
        (b' \n{ "id" : "x" }', "x"),
        (b'{"choices": [{"message": {"tool_calls": [{"id": "call"}]}}], "id": "late"}', "late"),
        (b'{"choices": [{"message": {"tool_calls": [{"id": "call"}]}}]}', ""),
        (b'{"id": "with \\" quote"}', 'with " quote'),
        (b'{"id": 7}', ""),
        (b'{"id": null}', ""),
        (b'<html id="id">', ""),
        (b"", ""),
    ],
)
def test_the_id_of_a_reply_is_its_own(body: bytes, name: str) -> None:
    assert reply_id(body) == name
