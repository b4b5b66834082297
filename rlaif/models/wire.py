"""HTTP/1.1 for many small requests to one server: pooled connections, each with one request at a time.

A general client spends most of a run's time on what these requests have none of: cookies, redirects, streams, traces.
Measured beside aiohttp, a request costs a fifth of the CPU. What is unusual (proxies) goes through aiohttp all the same.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import Final, cast
from urllib.parse import urlsplit

from rlaif.models.wire_reply import Answer, OversizedError, Reply, WireError, head, plain

# Seconds for which an idle connection is used again; servers close theirs after five to sixty.
IDLE: Final = 4.0


class Wires:
    """Connections to the server of one URL, as many as are in use at once. Close after use.

    `heard` says whether any reply has begun so far.
    """

    def __init__(self, url: str, headers: dict[str, str], *, most_bytes: int, method: str = "POST") -> None:
        parts = urlsplit(url)
        self._host, self._tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._most_bytes = most_bytes
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {path} HTTP/1.1", f"host: {parts.netloc.rpartition('@')[2]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join([*lines, "content-length: "]).encode("latin-1")
        self._context = ssl.create_default_context() if self._tls else None
        self.heard = False
        self._idle: list[_Wire] = []
        self._all: set[_Wire] = set()

    async def post(self, body: bytes) -> Answer:
        """The reply to a request with this body. Raises OSError where there is none."""
        wire = self._fresh() or await self._connect()
        try:
            answer = await wire.ask(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        except BaseException:
            self._drop(wire)
            # Until then the server may still work at it, and its place is not free.
            await wire.gone.wait()
            raise
        finally:
            self.heard = self.heard or wire.heard
        if wire.reusable:
            self._idle.append(wire)
        else:
            self._drop(wire)
        return answer

    def _fresh(self) -> "_Wire | None":
        """The connection used last, unless it is closed or has been idle for so long that it may close at any moment."""
        while self._idle:
            wire = self._idle.pop()
            if wire.open and wire.idle_seconds < IDLE:
                return wire
            self._drop(wire)
        return None

    async def _connect(self) -> "_Wire":
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            lambda: _Wire(loop, self._most_bytes), self._host, self._port, ssl=self._context
        )
        self._all.add(wire)
        return wire

    def _drop(self, wire: "_Wire") -> None:
        wire.close()
        self._all.discard(wire)

    async def close(self) -> None:
        for wire in list(self._all):
            self._drop(wire)
        await asyncio.sleep(0)


class _Wire(asyncio.Protocol):
    """One connection. The parts of a reply arrive in any pieces; `_read` is tried after each until the reply is whole."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most_bytes: int) -> None:
        self._loop, self._most_bytes = loop, most_bytes
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._data = bytearray()
        self._reply: Reply | None = None
        self._since = 0.0
        self.gone = asyncio.Event()
        self.open = self.reusable = self.heard = False

    @property
    def idle_seconds(self) -> float:
        return self._loop.time() - self._since

    async def ask(self, request: bytes) -> Answer:
        if self._transport is None or not self.open:
            raise WireError("the connection is closed")
        self._waiter = self._loop.create_future()
        self._transport.write(request)
        try:
            return await self._waiter
        finally:
            self._waiter = None
            self._since = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # nobody asked
            return
        self._data += data
        try:
            self._read(over=False)
        except WireError as error:
            self._fail(error)
        except (ValueError, IndexError):
            self._fail(WireError("the reply is no HTTP"))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        self.gone.set()
        if self._waiter is None or self._waiter.done():
            return
        with suppress(ValueError, IndexError, WireError):
            self._read(over=True)
        self._fail(WireError(f"the connection broke off{f': {error}' if error else ''}"))

    def _read(self, *, over: bool) -> None:
        if self._reply is None:
            self._reply = head(self._data)
        if self._reply is None:
            return
        self.heard = True
        if self._reply.bytes_of(self._data) > self._most_bytes:
            raise OversizedError(f"a reply of more than {self._most_bytes // 2**20} MiB")
        body = self._reply.body(self._data, over=over)
        if body is None or self._waiter is None:
            return
        encoding = self._reply.headers.get("content-encoding", "identity")
        body = body if encoding == "identity" else plain(body, self._most_bytes)
        self.reusable = self._reply.keeps and not over and not self._data
        answer = Answer(self._reply.status, self._reply.headers, body)
        self._reply = None
        self._waiter.set_result(answer)

    def _fail(self, error: WireError) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()

    def close(self) -> None:
        self.open = self.reusable = False
        if self._transport:
            self._transport.abort()
