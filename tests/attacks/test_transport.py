"""HTTP as broken and hostile servers speak it: what is good is read, what is bad is an error at once, memory is bounded."""

import asyncio
import gzip
import zlib
from collections.abc import Sequence

import orjson
import pytest

from rlaif.config import OpenAIModel
from rlaif.core.errors import ModelError
from rlaif.models.base import ChatRequest, Completion, Sampling
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.request import most_bytes
from rlaif.models.openai.transport import ConnectionPool
from rlaif.models.openai.transport_reply import Answer, OversizedError, ReplyMemory, Share, WireError, decompressed
from tests.support.raw_server import post, read_body, speaking
from tests.support.servers import Reply, chat, choice, serve

OK = b"HTTP/1.1 200 OK\r\n"
HELLO = b"Content-Length: 5\r\n\r\nhello"
PACKED, TWICE = gzip.compress(b"hello"), gzip.compress(gzip.compress(b"hello"))
DEFLATE = zlib.compressobj(wbits=-15)
RAW = DEFLATE.compress(b"hello") + DEFLATE.flush()


def encoded(coding: str, body: bytes) -> bytes:
    return OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


GOOD = {
    "an empty encoding": encoded("", b"hello"),
    "Identity": encoded("Identity", b"hello"),
    "identity and nothing": encoded(" , identity", b"hello"),
    "gzip, identity": encoded("gzip, identity", PACKED),
    "x-gzip": encoded("x-GZIP", PACKED),
    "gzip twice": encoded("gzip, gzip", TWICE),
    "gzip in two members": encoded("gzip", gzip.compress(b"hel") + gzip.compress(b"lo")),
    "two lines of encodings": OK
    + b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(TWICE)
    + TWICE,
    "deflate without a header": encoded("deflate", RAW),
    "a charset for an encoding": encoded("utf-8", b"hello"),
    "a folded header": OK + b"X-Note: one\r\n two\r\n\tthree\r\n" + HELLO,
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "blanks after a chunk's size": OK + b"Transfer-Encoding: chunked\r\n\r\n5  \r\nhello\r\n0\r\n\r\n",
    "capital hexadecimal": OK + b"Transfer-Encoding: Chunked\r\n\r\n0A\r\nhellohello\r\n0\r\n\r\n",
    "trailers": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Encoding: gzip\r\nX: y\r\n\r\n",
    "interim replies": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\nContent-Encoding: br\r\n\r\n"
    + OK
    + HELLO,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + HELLO,
    "a status without a reason": b"HTTP/1.1 200\r\n" + HELLO,
    "bytes beyond ASCII in a header": OK + b"X-Note: caf\xe9 \xf0\x9f\x91\x8d\r\n" + HELLO,
    "NUL in a header that nobody reads": OK + b"X-Note: a\x00b\r\n" + HELLO,
}


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize("reply", GOOD.values(), ids=GOOD)
def test_a_reply_of_an_odd_but_harmless_form_is_read(reply: bytes, pieces: int) -> None:
    (answer,), _ = post([reply], pieces=pieces, end=True)
    assert (answer.status, answer.body.replace(b"hellohello", b"hello")) == (200, b"hello")


CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BAD = {
    "a negative chunk": CHUNKS + b"-fff\r\nhello\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": CHUNKS + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a chunk with a prefix": CHUNKS + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk that is longer than it says": CHUNKS + b"3\r\nhello\r\n0\r\n\r\n",
    "an endless chunk extension": CHUNKS + b"5;" + b"x" * 400_000,
    "endless trailers": CHUNKS + b"5\r\nhello\r\n0\r\n" + b"x: y\r\n" * 60_000,
    "one endless trailer": CHUNKS + b"5\r\nhello\r\n0\r\nx: " + b"y" * 400_000,
    "an endless head": OK + b"x: y\r\n" * 60_000,
    "an endless line": b"HTTP/1.1 200 " + b"O" * 400_000,
    "a negative length": OK + b"Content-Length: -5\r\n\r\nhello",
    "a length twice": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a length in a list": OK + b"Content-Length: 5, 6\r\n\r\nhello!",
    "a length that is no number": OK + b"Content-Length: five\r\n\r\nhello",
    "a length beyond 64 bits": OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "a length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "interim replies without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 500,
    "another protocol": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n" + HELLO,
    "NUL in a header's name": OK + b"X\x00: y\r\n" + HELLO,
    "NUL bytes": b"\x00" * 500,
    "an encoding nobody asked for": encoded("br", b"hello"),
    "gzip that is cut off": encoded("gzip", PACKED[:-9]),
    "gzip of nothing like it": encoded("gzip", b"hello"),
    "ten times gzip": encoded(", ".join(["gzip"] * 10), PACKED),
}


@pytest.mark.parametrize("pieces", [0, 40_000])
@pytest.mark.parametrize("reply", BAD.values(), ids=BAD)
def test_a_reply_that_cannot_be_trusted_is_an_error_at_once(reply: bytes, pieces: int) -> None:
    async def run() -> float:
        async with speaking([reply, reply], pieces) as (url, _):
            wires = ConnectionPool(url, {}, most_bytes=2**20)
            began = asyncio.get_running_loop().time()
            with pytest.raises(WireError):
                # The server keeps the connection open, so that only the bytes can give it away.
                await asyncio.wait_for(wires.post(b"{}"), 5)
            await wires.close()
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(run()) < 3


def test_bytes_after_a_reply_are_never_used_and_close_the_connection() -> None:
    good, more = OK + HELLO, OK + b"Content-Length: 5\r\n\r\nother"
    for surplus in (more, b"junk", b"HTTP/1.1 408 Request Timeout\r\n\r\n", more[:20]):
        answers, connections = post([good + surplus, good, good], times=3)
        assert [answer.body for answer in answers] == [b"hello"] * 3
        assert connections == [1, 1, 1]


def test_a_line_end_after_a_body_is_harmless() -> None:
    answers, connections = post([OK + HELLO + b"\r\n"] * 3, times=3)
    assert [answer.body for answer in answers] == [b"hello"] * 3
    assert sum(connections) == 3


def test_after_an_error_a_connection_is_not_used_again() -> None:
    error = b"HTTP/1.1 500 Bad\r\nContent-Length: 2\r\n\r\nno"
    answers, connections = post([error, error], times=2)
    assert [answer.status for answer in answers] == [500, 500]
    assert connections == [1, 1]


def test_an_idle_connection_that_the_server_closes_is_dropped_and_others_are_reused() -> None:
    async def run() -> tuple[int, bool]:
        async with speaking([OK + HELLO, OK + HELLO]) as (url, _):
            wires = ConnectionPool(url, {}, most_bytes=2**20)
            await wires.post(b"{}")
            wire = next(iter(wires._all))
            wire.data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
            await wires.post(b"{}")
            await wires.close()
            return wires.strays, wire.open

    assert asyncio.run(run()) == (0, False)


ASK = ChatRequest([{"role": "user", "content": "hello"}])


def complete(replies: Sequence[Reply], ask: ChatRequest = ASK) -> list[Completion]:
    async def run() -> list[Completion]:
        async with serve(replies) as server:
            config = OpenAIModel(kind="openai", model="m", base_url=server.base_url, attempts=1, timeout=10.0)
            async with OpenAI(config) as model:
                return await model.complete(ask)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"\xef\xbb\xbf" + chat("fine").body),
        Reply(b"\r\n \t" + chat("fine").body + b"\n"),
        chat({**choice("fine"), "index": None}),
        chat({name: value for name, value in choice("fine").items() if name != "index"}),
    ],
    ids=["a byte order mark", "blanks around", "index null", "no index"],
)
def test_a_completion_of_an_odd_form_is_read(reply: Reply) -> None:
    assert [each.text for each in complete([reply])] == ["fine"]


def test_two_choices_whose_index_is_null_are_not_guessed_at() -> None:
    two = chat({**choice("a"), "index": None}, {**choice("b"), "index": None})
    with pytest.raises(ModelError, match="without"):
        complete([two], ChatRequest(ASK.messages, seeds=(1, 2)))


BOMB = gzip.compress(bytes(64 * 2**20))
BOMBS = {
    "gzip": encoded("gzip", BOMB),
    "gzip twice": encoded("gzip, gzip", gzip.compress(BOMB)),
    "many members": encoded("gzip", BOMB * 3),
    "chunks": OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BOMB), BOMB),
}


@pytest.mark.parametrize("reply", BOMBS.values(), ids=BOMBS)
def test_a_compressed_bomb_is_oversized_before_it_has_grown(reply: bytes) -> None:
    with pytest.raises(OversizedError):
        post([reply], most_bytes=8 * 2**20)


def test_all_replies_in_flight_together_are_bounded_and_the_largest_goes() -> None:
    memory = ReplyMemory(10 * 2**20)
    long, short = b"x" * (4 * 2**20), b"fine"

    async def one(body: bytes, wires: ConnectionPool) -> Answer | OSError:
        try:
            return await wires.post(body)
        except OSError as error:
            return error

    async def run() -> list[Answer | OSError]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            body = long if await read_body(reader) == b"long" else short
            writer.write(OK + b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body)
            # The last byte comes late, so that all are in flight at the same time.
            await asyncio.sleep(0.5)
            writer.write(b"!")
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        wires = ConnectionPool(url, {}, most_bytes=2**30, memory=memory)
        found = await asyncio.gather(*(one(body, wires) for body in [b"long"] * 6 + [b"short"] * 10))
        await wires.close()
        server.close()
        return found

    found = asyncio.run(run())
    whole = [each for each in found if isinstance(each, Answer)]
    assert [each.body for each in whole if len(each.body) < 10] == [b"fine!"] * 10
    assert len(whole) == 12
    assert all(isinstance(each, Answer | OversizedError) for each in found)
    assert memory.held == 0


def test_a_share_counts_what_is_decompressed_and_gives_it_back() -> None:
    memory = ReplyMemory(2**20)
    share: Share = memory.share(2**30)
    with pytest.raises(OversizedError, match="together"):
        decompressed(BOMB, "gzip", share)
    share.release()
    assert memory.held == 0


def test_a_reply_may_be_as_long_as_requested_and_no_longer() -> None:
    small = most_bytes(ChatRequest(ASK.messages, Sampling(max_tokens=1024)), 1)
    large = most_bytes(ChatRequest(ASK.messages, Sampling(max_tokens=4096), top_logprobs=20), 8)
    assert 8 * 2**20 <= small < 9 * 2**20
    tokens = [{"token": " the", "logprob": -12.345678901234567, "bytes": [32, 116, 104, 101]} for _ in range(21)]
    assert large > 8 * 4096 * len(orjson.dumps(tokens))
    with pytest.raises(ModelError, match=r"more than 8\.1 MiB") as caught:
        complete([Reply(b" " * (9 * 2**20) + chat("fine").body)])
    assert caught.value.kind == "oversized"
