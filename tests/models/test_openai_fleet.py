"""A fleet in a file: servers come and go while requests are sent, and texts stay with their servers."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from rlaif.config import OpenAIModel, ServerFile, load
from rlaif.core.errors import InputError
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import RequestHead
from rlaif.models.openai.endpoint import Endpoint
from rlaif.models.openai.fleet import LOOK
from rlaif.models.openai.load_balancer import LoadBalancer
from rlaif.models.registry import identity
from tests.support.servers import chat, serve


def fleet(names: str) -> LoadBalancer:
    heads = [RequestHead(f"http://{name}:1/v1", {}) for name in names]
    return LoadBalancer([Endpoint(head, most=10_000, number=at) for at, head in enumerate(heads)], most=10_000, patience=9.0)


async def places(balancer: LoadBalancer, texts: list[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        endpoint = await balancer.enter(text)
        found[text] = endpoint.mark
        balancer.leave(endpoint)
    return found


def test_a_change_of_the_fleet_moves_only_the_texts_of_the_servers_that_changed() -> None:
    texts = [f"text {number}" for number in range(400)]

    async def run() -> tuple[dict[str, int], ...]:
        whole, less, more = fleet("abcdefgh"), fleet("abdefgh"), fleet("abcdefghi")
        return await places(whole, texts), await places(less, texts), await places(more, texts)

    whole, less, more = asyncio.run(run())
    (gone,) = set(whole.values()) - set(less.values())
    (new,) = set(more.values()) - set(whole.values())
    assert all(less[text] == whole[text] for text in texts if whole[text] != gone)
    assert all(more[text] == whole[text] for text in texts if more[text] != new)
    assert 20 < Counter(more.values())[new] < 80


def test_a_server_that_replies_slowly_gets_fewer_requests() -> None:
    async def run() -> list[int]:
        balancer = fleet("ab")
        quick, slow = balancer.endpoints
        for _ in range(50):
            quick.answered(0.1)
            slow.answered(0.4)
        for _ in range(100):
            await balancer.enter()
        return [quick.in_flight, slow.in_flight]

    assert asyncio.run(run()) == [80, 20]


def test_servers_join_and_leave_while_requests_are_sent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "servers.txt"
    source = ServerFile(file="servers.txt")
    source.beside(tmp_path)

    async def run() -> list[list[int]]:
        counts: list[list[int]] = []
        async with AsyncExitStack() as stack:
            servers = [await stack.enter_async_context(serve([chat("fine", hang=0.01)])) for _ in range(3)]
            other = await stack.enter_async_context(serve([chat("fine")], models=["another"]))
            first, second, third = (server.base_url for server in servers)
            file.write_text(f"# two for now\n{first}\n{second}\n")
            config = OpenAIModel(kind="openai", model="m", base_url=source, concurrency=8)
            async with OpenAI(config) as model:

                async def send(seconds: float) -> None:
                    end = asyncio.get_running_loop().time() + seconds
                    before = [len(server.chats) for server in (*servers, other)]
                    while asyncio.get_running_loop().time() < end:
                        await asyncio.gather(
                            *(model.complete(ChatRequest([{"role": "user", "content": "Hi"}])) for _ in range(8))
                        )
                    counts.append([len(server.chats) - had for server, had in zip((*servers, other), before, strict=True)])

                await send(0.1)
                file.write_text(f"{second}\n{third}\n{other.base_url}\nnot an address\n")
                await send(1.5 * LOOK)
                await send(0.1)
                file.write_text("")
                await send(1.2 * LOOK)
        return counts

    before, _, after, last = asyncio.run(run())
    assert [bool(count) for count in before] == [True, True, False, False]
    assert [bool(count) for count in after] == [bool(count) for count in last] == [False, True, True, False]
    shown = capfd.readouterr().err
    assert shown.count("joins") == shown.count("leaves") == shown.count("servers.txt:4: not the address") == 1


def test_a_file_of_servers_is_one_model_whatever_it_lists(tmp_path: Path) -> None:
    data = {
        "name": "p",
        "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": {"m": {"kind": "openai", "model": "m", "base_url": {"file": "servers.txt"}}},
    }
    (tmp_path / "p.yaml").write_text(json.dumps(data))
    model = load(tmp_path / "p.yaml").pipeline.models["m"]
    assert identity(model) == {"kind": "openai", "server": "servers.txt", "model": "m"}

    async def opened() -> None:
        async with OpenAI(model):  # type: ignore[arg-type]
            pass

    with pytest.raises(InputError, match="lists no servers"):
        asyncio.run(opened())
    (tmp_path / "servers.txt").write_text("http://user:pass@host/v1\n")
    with pytest.raises(InputError, match=r"servers\.txt"):
        asyncio.run(opened())
    data["models"]["m"]["mode"] = "batch"  # type: ignore[index]
    (tmp_path / "p.yaml").write_text(json.dumps(data))
    with pytest.raises(InputError, match="mode: batch"):
        load(tmp_path / "p.yaml")
