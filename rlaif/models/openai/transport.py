"""HTTP/1.1 for many small requests to one server: pooled connections, each with one request at a time.

A general client spends most of a run's time on features that these requests do not need: cookies, redirects, streams,
traces. Compared with aiohttp, a request costs a fifth of the CPU time. Requests through a proxy still use aiohttp.
"""

import asyncio
import select
import ssl
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import urlsplit

from rlaif.models.openai.transport_reply import MEMORY, Answer, ReplyMemory, ReplyReader, WireError

# Seconds for which an idle connection is reused; servers close theirs after five to sixty.
IDLE: Final = 4.0
# How a server or a load balancer announces that it closes an idle connection. It is unsolicited and not a reply.
FAREWELL: Final = b"408"
# The events of `poll` for a connection that the other side has closed.
ENDED: Final = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR | select.POLLNVAL


class ConnectionPool:
    """A pool of connections to the server of one URL, as many as are in use at once. Close it after use.

    `has_replied` is true once any reply has begun. `strays` counts how often the server sent unsolicited bytes. After the
    first time, each request has a new connection.
    """

    def __init__(
        self, url: str, headers: dict[str, str], *, most_bytes: int, method: str = "POST", memory: ReplyMemory = MEMORY
    ) -> None:
        parts = urlsplit(url)
        self._host, self._tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._most_bytes, self._memory = most_bytes, memory
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {path} HTTP/1.1", f"host: {parts.netloc.rpartition('@')[2]}", "accept-encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join([*lines, "content-length: "]).encode("latin-1")
        # Reads the variables SSL_CERT_FILE and SSL_CERT_DIR.
        self._context = ssl.create_default_context() if self._tls else None
        self.has_replied, self.strays = False, 0
        self._idle: list[Wire] = []
        self._all: set[Wire] = set()
        self._last: Wire | None = None

    async def post(self, body: bytes, *, most_bytes: int | None = None, fresh: bool = False) -> Answer:
        """Send a request with this body and return the reply, over a new connection if `fresh`.

        `most_bytes` bounds the reply, in addition to the bound for all. Raises OSError if the reply is incomplete.
        """
        wire = (None if fresh else self._take_idle()) or await self._connect()
        request = b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
        try:
            answer = await wire.exchange(request, min(most_bytes or self._most_bytes, self._most_bytes))
        except BaseException:
            self._drop(wire)
            # Until then, the server may still work on the request, so its slot is not free.
            await wire.gone.wait()
            raise
        finally:
            wire.reader.share.release()
            self.has_replied = self.has_replied or wire.reader.begun
        # An error reply may arrive twice too, and nothing in it shows to which request it belongs.
        if wire.reusable and not self.strays and answer.status < 300:
            self._idle.append(wire)
        else:
            self._drop(wire)
        self._last = wire
        return answer

    def drop_last(self) -> None:
        """Drop the connection of the last reply. Call this before awaiting anything else."""
        if self._last:
            if self._idle and self._idle[-1] is self._last:
                self._idle.pop()
            self._drop(self._last)

    def _take_idle(self) -> "Wire | None":
        """Return the idle connection that was used last, unless it may close soon or the server has sent something."""
        while self._idle:
            wire = self._idle.pop()
            if not self.strays and wire.open and wire.idle_seconds < IDLE and wire.is_silent():
                return wire
            self._drop(wire)
        return None

    async def _connect(self) -> "Wire":
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            lambda: Wire(loop, self._memory, self._stray), self._host, self._port, ssl=self._context
        )
        self._all.add(wire)
        return wire

    def _stray(self) -> None:
        self.strays += 1

    def _drop(self, wire: "Wire") -> None:
        wire.close()
        self._all.discard(wire)

    async def close(self) -> None:
        """Closes all connections."""
        for wire in list(self._all):
            self._drop(wire)
        await asyncio.sleep(0)


class Wire(asyncio.Protocol):
    """One connection, with one request at a time. `stray` is called when the server sends unsolicited bytes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, memory: ReplyMemory, stray: Callable[[], None]) -> None:
        self._loop, self._stray = loop, stray
        self.reader = ReplyReader(memory, self._fail)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._poll: Any = None
        self._since = 0.0
        self.sent = 0
        self.gone = asyncio.Event()
        self.open = self.reusable = False

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last reply."""
        return self._loop.time() - self._since

    def is_silent(self) -> bool:
        """Return whether no unread data has arrived: neither unsolicited bytes nor the end of the connection."""
        transport = cast(asyncio.Transport, self._transport)
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | ENDED)
        events = self._poll.poll(0)
        # With TLS, protocol messages may arrive although the server sent no data.
        if events and not events[0][1] & ENDED and transport.get_extra_info("sslcontext") is None:
            self._stray()
        return not events

    async def exchange(self, request: bytes, most_bytes: int) -> Answer:
        """Send one request and return its reply. Raises WireError."""
        if self._transport is None or not self.open:
            raise WireError("the connection is closed")
        self._waiter = self._loop.create_future()
        self.sent += 1
        self.reader.expect(most_bytes)
        self._transport.write(request)
        try:
            return await self._waiter
        finally:
            self._waiter = None
            self._since = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        reader = self.reader
        if self._waiter is None or self._waiter.done():
            self._drop_unasked(data)
            return
        reader.feed(data)
        if reader.unasked:
            self._stray()
        if reader.done:
            self.reusable = reader.keeps and not reader.unasked
            self._answer()
        elif reader.fault:
            self._fail()

    def _drop_unasked(self, data: bytes) -> None:
        if self.open and data.strip(b"\r\n") and data[9:12] != FAREWELL:
            self._stray()
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Part of asyncio's protocol."""
        self.open = False
        self.gone.set()
        if self._waiter is None or self._waiter.done():
            return
        self.reader.finish()
        self.reusable = False
        if self.reader.done:
            self._answer()
        else:
            self._raise(WireError(f"the connection broke off{f': {error}' if error else ''}"))

    def _answer(self) -> None:
        try:
            answer = self.reader.answer(first=self.sent == 1)
        except WireError as error:
            self._raise(error)
        else:
            if self._waiter and not self._waiter.done():
                self._waiter.set_result(answer)

    def _fail(self) -> None:
        self._raise(self.reader.fault or WireError("the reply was dropped"))

    def _raise(self, error: WireError) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(error)
        self.close()

    def close(self) -> None:
        """Close the connection at once."""
        self.open = self.reusable = False
        if self._transport:
            self._transport.abort()
