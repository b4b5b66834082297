"""Mutated replies over a real socket: none hangs past its deadline, and none yields the text of another request."""

import asyncio
import gzip
import random
import re
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from rlaif.models.openai.credentials import RequestHead
from rlaif.models.openai.deadline import Deadline
from rlaif.models.openai.endpoint import Endpoint
from rlaif.models.openai.errors import RequestError
from rlaif.models.openai.response import read_reply
from tests.support.raw_server import read_body

REQUESTS, CONCURRENCY = 2000, 64
# Seconds: one request's deadline, and how late a busy machine may be.
DEADLINE, SLACK = 0.4, 1.5
TOKEN = re.compile(r"[0-9a-f]{16}")
LENGTHS = [
    b"-1",
    b"0",
    b"5, 5",
    b"0x10",
    b"1e3",
    b"99999999999999999999",
    b"4294967296",
    b"",
    b" ",
    b"1000000000",
    b"+5",
    b"\x00",
]
CODINGS = [b"", b"Identity", b"gzip", b"gzip, identity", b"deflate", b"br", b"gzip, gzip", b"gzip" + b", gzip" * 9, b"utf-8"]
SIZES = [b"-fff", b"fffffffffffffffff", b"-1", b"zz", b"", b"5;" + b"x" * 300, b"7fffffff", b"0x5", b" 5", b"+5"]
LINES = [
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Content-Length: 3",
    b"Connection: close",
    b"Connection: upgrade\r\nUpgrade: h2c",
    b" folded",
    b"X: \x00",
    b"X" * 5000 + b": y",
    b": empty",
    b"no colon",
    b"X:y\nZ:w",
]
HEADS = [
    b"HTTP/1.0 200 OK",
    b"HTTP/1.1 204 None",
    b"HTTP/1.1 101 Switch",
    b"HTTP/2 200",
    b"HTTP/1.1 99 X",
    b"ICY 200 OK",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
    b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK",
    b"HTTP/1.1 500 Bad",
    b"HTTP/1.1 302 Found",
]


def completion(token: str) -> bytes:
    choices = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"to {token}"}}]
    return orjson.dumps({"id": f"chatcmpl-{token}", "model": "m", "choices": choices})


def chunked(body: bytes, luck: random.Random) -> bytes:
    out = b""
    while body:
        size = luck.randint(1, 60)
        piece, body = body[:size], body[size:]
        length = luck.choice(SIZES) if luck.random() < 0.1 else b"%x" % len(piece)
        out += length + b"\r\n" + piece + b"\r\n"
    return out + luck.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx-sum: 1\r\n\r\n", b"0\r\n" + b"x: y\r\n" * 3000, b"0"])


def mutated(token: str, luck: random.Random) -> bytes:
    """A good reply with one or a few faults in it."""
    body = completion(token)
    coding = luck.choice(CODINGS) if luck.random() < 0.3 else None
    if coding and b"gzip" in coding:
        body = gzip.compress(body)
    elif coding == b"deflate":
        body = zlib.compress(body)
    head = luck.choice(HEADS) if luck.random() < 0.3 else b"HTTP/1.1 200 OK"
    lines = [head, *([] if coding is None else [b"Content-Encoding: " + coding])]
    lines += luck.sample(LINES, luck.choice([0, 0, 0, 1, 2]))
    if luck.random() < 0.4:
        lines, body = [*lines, b"Transfer-Encoding: chunked"], chunked(body, luck)
    elif luck.random() < 0.9:
        lines += [b"Content-Length: " + (luck.choice(LENGTHS) if luck.random() < 0.2 else b"%d" % len(body))]
    data = bytearray(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    for _ in range(luck.choice([0, 0, 1, 1, 2, 8])):
        place = luck.randrange(len(data))
        match luck.randrange(6):
            case 0:
                data[place] = luck.randrange(256)
            case 1:
                del data[place : place + luck.randint(1, 40)]
            case 2:
                data[place:place] = luck.randbytes(luck.randint(1, 40))
            case 3:
                data[place:place] = data[place : place + luck.randint(1, 80)]
            case 4:
                del data[place + 1 :]
            case 5:
                data += data[luck.randrange(place + 1) :]
    return bytes(data)


@asynccontextmanager
async def faulty(seed: int) -> AsyncIterator[str]:
    """A server that answers each request with a mutated reply, in pieces, and may close, keep or repeat afterwards."""
    luck = random.Random(seed)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                sent = await read_body(reader)
                data = mutated(orjson.loads(sent)["token"], luck) if luck.random() < 0.9 else b""
                data = data or luck.randbytes(luck.randint(0, 200))
                step = luck.choice([1, 7, 50, len(data), len(data)]) or 1
                for start in range(0, len(data), max(step, len(data) // 50 + 1)):
                    writer.write(data[start : start + max(step, len(data) // 50 + 1)])
                    await writer.drain()
                if luck.random() < 0.1:
                    await asyncio.sleep(0.001)
                    writer.write(data)
                if luck.random() < 0.5:
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat/completions"
    finally:
        server.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_replies_neither_hang_nor_answer_another_request(seed: int) -> None:
    number = REQUESTS // 2
    tokens = [f"{random.Random(seed * number + place).getrandbits(64):016x}" for place in range(number)]
    outcomes: Counter[str] = Counter()
    slowest = 0.0

    async def run() -> None:
        nonlocal slowest
        loop, deadline, left = asyncio.get_running_loop(), Deadline(DEADLINE), iter(tokens)
        async with faulty(seed) as url:
            endpoint = Endpoint(RequestHead(url, {"authorization": "Bearer sk-0123456789abcdef"}), most=CONCURRENCY)

            async def work() -> None:
                nonlocal slowest
                for token in left:
                    began = loop.time()
                    try:
                        with deadline:
                            data = await endpoint.send(orjson.dumps({"token": token}), question=hash(token))
                        text = read_reply(data, 1).found[0].text
                    except (RequestError, TimeoutError) as error:
                        outcomes[getattr(error, "kind", "timeout")] += 1
                    else:
                        outcomes["answered"] += 1
                        assert not [each for each in TOKEN.findall(text) if each != token and each in tokens], text
                    slowest = max(slowest, loop.time() - began)

            await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
            await endpoint.close()

    asyncio.run(run())
    assert outcomes.total() == number
    assert slowest < DEADLINE + SLACK
    # The mutations must be neither all deadly nor all harmless.
    assert outcomes["answered"] > number / 10
    assert outcomes["connection"] > number / 10
