"""HTTP/1.1 as servers really speak it, against a real socket that sends given bytes in given pieces."""

import asyncio
import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.config import OpenAIModel
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.proxied import Proxied
from rlaif.models.openai.transport_reply import OversizedError, WireError
from tests.support.raw_server import post
from tests.support.servers import Reply, chat, serve


def packed(encoding: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;note=1\r\n world\r\n0\r\n\r\n"
GOOD = {
    "by length": b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
    "without a reason": b"HTTP/1.1 200\r\ncontent-length:11\r\n\r\nhello world",
    "in chunks": CHUNKED,
    "with trailers": CHUNKED[:-2] + b"x-sum: 1\r\n\r\n",
    "after an interim reply": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
    "with gzip": packed("gzip", gzip.compress(b"hello world")),
    "with deflate": packed("deflate", zlib.compress(b"hello world")),
}


@pytest.mark.parametrize("pieces", [0, 1, 7])
@pytest.mark.parametrize("reply", GOOD.values(), ids=GOOD)
def test_a_reply_is_read_in_pieces_of_any_size_and_its_connection_is_reused(reply: bytes, pieces: int) -> None:
    answers, connections = post([reply, reply, reply], times=3, pieces=pieces)
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"hello world")] * 3
    assert connections == [3]


def test_a_reply_that_ends_with_the_connection_is_read_and_the_next_goes_over_another() -> None:
    reply = b"HTTP/1.1 200 OK\r\n\r\nhello world"
    answers, connections = post([reply, reply], times=2, end=True)
    assert [answer.body for answer in answers] == [b"hello world"] * 2
    assert connections == [1, 1]


def test_a_connection_that_the_server_will_close_is_not_reused() -> None:
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert post([reply, reply], times=2)[1] == [1, 1]


def test_an_error_reply_is_an_answer_too() -> None:
    answers, _ = post([b"HTTP/1.1 429 Too Many\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nslow"])
    assert (answers[0].status, answers[0].headers["retry-after"], answers[0].body) == (429, "2", b"slow")


BAD = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "no number for a status": b"HTTP/1.1 fine OK\r\n\r\n",
    "an empty line": b"\r\n\r\n",
    "no number for a length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "no number for a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n",
    "gzip that is none": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
}


@pytest.mark.fault("H10")
@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
def test_a_reply_that_is_not_http_is_an_error_at_once(reply: bytes) -> None:
    with pytest.raises(WireError):
        post([reply])


@pytest.mark.fault("H10")
@pytest.mark.parametrize("cut", range(0, len(CHUNKED), 9))
def test_a_reply_cut_anywhere_is_an_error(cut: int) -> None:
    with pytest.raises(WireError, match="broke off"):
        post([CHUNKED[:cut]], end=True)


@pytest.mark.fault("H17")
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"400\r\n"
        + b"x" * 1024
        + b"\r\n"
        + b"400\r\n"
        + b"x" * 1024,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 4000,
        packed("gzip", gzip.compress(b"x" * 100_000)),
    ],
    ids=["by its length", "in chunks", "without end", "once decompressed"],
)
def test_a_reply_longer_than_any_honest_one_is_cut_off(reply: bytes) -> None:
    with pytest.raises(OversizedError):
        post([reply], most_bytes=1500)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_whatsoever_are_an_answer_or_an_error(data: bytes) -> None:
    try:
        answers, _ = post([data], end=True)
    except OSError:
        return
    assert data.startswith(b"HTTP/1.")
    assert answers[0].status >= 200


@pytest.mark.fault("H19")
def test_a_proxy_of_the_environment_is_used_but_not_for_what_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[str, str]:
        async with serve([chat("by proxy")]) as proxy, serve([chat("direct")]) as server:
            monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
            monkeypatch.delenv("NO_PROXY", raising=False)  # this machine needs no telling
            texts = []
            for url in ("http://models.example/v1", server.base_url):
                monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
                async with OpenAI(OpenAIModel(kind="openai", model="m", base_url=url)) as model:
                    texts.append((await model.complete(ChatRequest([{"role": "user", "content": "hello"}])))[0].text)
            assert proxy.chats[0].path == "http://models.example/v1/chat/completions"
            return texts[0], texts[1]

    assert asyncio.run(run()) == ("by proxy", "direct")


@pytest.mark.fault("H10")
def test_through_a_proxy_too_a_reply_is_whole_or_an_error() -> None:
    async def run() -> None:
        script = [Reply(b"hello"), Reply(b"hello world", cut=5), Reply(close=True), Reply(b"x" * 4000)]
        async with serve(script) as proxy:
            wires = Proxied("http://models.example/chat/completions", {}, proxy=proxy.base_url, most_bytes=1500)
            assert (await wires.post(b"{}")).body == b"hello"
            for error in (WireError, WireError, OversizedError):
                with pytest.raises(error):
                    await wires.post(b"{}")
            await wires.close()

    asyncio.run(run())
