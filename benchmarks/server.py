"""A fast OpenAI-compatible server for benchmarks, run as a separate process: python -m benchmarks.server --core 1

Its answers, latencies and failures are decided by digests of the requests, so that every run meets the same conditions. It
prints its port, and lists the requests it has received at GET /ledger.
"""

import argparse
import asyncio
import math
import os
import re
import time
from dataclasses import dataclass, field
from hashlib import blake2b
from statistics import NormalDist
from typing import Any

import orjson

HEAD = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
WRITER = re.compile(rb"Answer ([0-9a-f]{16}) ")
NORMAL = NormalDist()
FINDINGS = "The response says what was asked, in the words of the document, and nothing that is not there."


@dataclass
class Settings:
    """Latency in seconds, log-normal (`median` 0 is none), and the shares of requests that fail, by kind."""

    median: float = 0.0
    sigma: float = 0.0
    faults: dict[str, float] = field(default_factory=dict)
    rows: bool = True
    record: str | None = None


@dataclass
class Ledger:
    """The requests received; `first` is the time of the first one since the ledger was last read.

    `rows` are (digest, digest of the response judged, arrival, departure, latency, fault); a request departs with its
    answer, or when the client disconnects.
    """

    requests: int = 0
    first: float | None = None
    in_flight: int = 0
    most_in_flight: int = 0
    seen: dict[bytes, int] = field(default_factory=dict)
    rows: list[list[Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        first, self.first = self.first, None
        return {
            "first": first,
            "requests": self.requests,
            "distinct": len(self.seen),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "now": time.monotonic(),
            "rows": self.rows,
        }


def share(digest: bytes, attempt: int, name: bytes) -> float:
    """Return a number in [0, 1) that depends on the request, its number of attempts, and `name`."""
    data = digest + attempt.to_bytes(4, "big") + name
    return int.from_bytes(blake2b(data, digest_size=6).digest(), "big") / 2**48


def latency(settings: Settings, digest: bytes, attempt: int) -> float:
    if not settings.median:
        return 0.0
    u = min(max(share(digest, attempt, b"latency"), 1e-9), 1 - 1e-9)
    return settings.median * math.exp(settings.sigma * NORMAL.inv_cdf(u))


def fault(settings: Settings, digest: bytes, attempt: int) -> str | None:
    u = share(digest, attempt, b"fault")
    for name, part in settings.faults.items():
        if u < part:
            return name
        u -= part
    return None


def texts(request: dict[str, Any], digest: bytes) -> list[str]:
    form = request.get("response_format")
    if form is None:
        return [f"Answer {digest.hex()} number {place}. {FINDINGS * 3}" for place in range(request.get("n", 1))]
    names = form["json_schema"]["schema"]["required"]
    if "score" in names:
        return [orjson.dumps({"rationale": FINDINGS, "score": 1 + digest[0] % 5}).decode()]
    marks = {name: {"rationale": FINDINGS, "score": 1 + digest[place] % 5} for place, name in enumerate(names)}
    return [orjson.dumps(marks).decode()]


def completion(request: dict[str, Any], digest: bytes, *, spoilt: bool = False) -> bytes:
    said = ["I would rather not say."] if spoilt else texts(request, digest)
    choices = [
        {"index": place, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        for place, text in enumerate(said)
    ]
    written = 60 * len(choices)
    usage = {"prompt_tokens": 500, "completion_tokens": written, "total_tokens": 500 + written}
    return orjson.dumps({"id": digest.hex(), "object": "chat.completion", "model": "m", "choices": choices, "usage": usage})


class Connection(asyncio.Protocol):
    """One client connection, one request at a time."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.settings, self.ledger, self.data = settings, ledger, b""
        self.loop = asyncio.get_running_loop()
        # The request that is not answered yet, and the timer that will answer it.
        self.row: list[Any] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        found = LENGTH.search(self.data, 0, end)
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self.data) < whole:
            return
        first, body, self.data = self.data[:64], self.data[end + 4 : whole], self.data[whole:]
        if first.startswith(b"GET /ledger"):
            self.reply(200, orjson.dumps(self.ledger.told()))
        elif first.startswith(b"GET"):
            self.reply(200, b'{"data": [{"id": "m"}]}')
        else:
            self.chat(body)

    def chat(self, body: bytes) -> None:
        ledger, settings = self.ledger, self.settings
        digest = blake2b(body, digest_size=8).digest()
        attempt = ledger.seen.get(digest, 0)
        ledger.seen[digest] = attempt + 1
        ledger.requests += 1
        ledger.first = ledger.first or time.monotonic()
        ledger.in_flight += 1
        ledger.most_in_flight = max(ledger.most_in_flight, ledger.in_flight)
        if settings.record and not attempt:
            with open(settings.record, "ab") as file:  # noqa: PTH123
                file.write(body + b"\n")
        wrong, wait = fault(settings, digest, attempt), latency(settings, digest, attempt)
        self.row = row = [digest.hex(), None, time.monotonic(), None, wait, wrong]
        if settings.rows:
            written = WRITER.search(body)
            row[1] = written[1].decode() if written else None
            ledger.rows.append(row)
        if wrong == "stall":
            return
        if wait:
            self.timer = self.loop.call_later(wait, self.answer, body, digest, wrong)
        else:
            self.answer(body, digest, wrong)

    def over(self) -> None:
        """Record that the request is answered or the client has disconnected."""
        if self.row:
            self.ledger.in_flight -= 1
            self.row[3], self.row = time.monotonic(), None

    def answer(self, body: bytes, digest: bytes, wrong: str | None) -> None:
        self.over()
        if wrong == "reset":
            self.transport.abort()
        elif wrong == "429":
            self.reply(429, b'{"error": {"message": "too many requests"}}', b"retry-after: 1\r\n")
        elif wrong == "500":
            self.reply(500, b'{"error": {"message": "an internal error"}}')
        else:
            data = completion(orjson.loads(body), digest, spoilt=wrong == "verdict" and b"response_format" in body)
            self.reply(200, data[: len(data) // 2] if wrong == "truncated" else data)

    def reply(self, status: int, body: bytes, header: bytes = b"") -> None:
        if not self.transport.is_closing():
            self.transport.write(HEAD % (status, header, len(body), body))

    def eof_received(self) -> None:
        self.over()

    def connection_lost(self, error: Exception | None) -> None:
        self.over()
        if self.timer:
            self.timer.cancel()
        self.data = b""


async def main(settings: Settings, port: int) -> None:
    ledger = Ledger()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(settings, ledger), "127.0.0.1", port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", type=int)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--settings", type=orjson.loads, default={})
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    try:
        import uvloop
    except ModuleNotFoundError:
        asyncio.run(main(Settings(**arguments.settings), arguments.port))
    else:
        uvloop.run(main(Settings(**arguments.settings), arguments.port))
