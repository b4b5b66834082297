"""HTTP/1.1 for many small requests to one server: pooled connections, each with one request at a time.

A general client spends most of a run's time on what these requests have none of: cookies, redirects, streams, traces.
Measured beside aiohttp, a request costs a fifth of the CPU. What is unusual (proxies) goes through aiohttp all the same.
"""

import asyncio
import ssl
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

END = b"\r\n"
# Bytes. Servers that say more in their headers are not understood.
LONGEST_HEAD: Final = 65_536
# Seconds for which an idle connection is used again; servers close theirs after five to sixty.
IDLE: Final = 4.0
# zlib reads gzip as well as its own format with this many window bits.
ANY_ZLIB: Final = 47


class WireError(OSError):
    """The connection failed, or what came over it is no HTTP."""


class OversizedError(WireError):
    """More bytes than any honest reply has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


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
        self._reply: _Reply | None = None
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
            self._reply = _head(self._data)
        if self._reply is None:
            return
        self.heard = True
        if self._reply.bytes_of(self._data) > self._most_bytes:
            raise OversizedError(f"a reply of more than {self._most_bytes // 2**20} MiB")
        body = self._reply.body(self._data, over=over)
        if body is None or self._waiter is None:
            return
        encoding = self._reply.headers.get("content-encoding", "identity")
        body = body if encoding == "identity" else _plain(body, self._most_bytes)
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


class _Reply:
    """A reply whose head was read; the body is still coming."""

    def __init__(self, version: str, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers = status, headers
        ending = headers.get("connection", "").lower()
        self.keeps = ending != "close" if version == "HTTP/1.1" else ending == "keep-alive"
        self._chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
        self._length = int(headers["content-length"]) if "content-length" in headers else None
        self._chunks: list[bytes] = []
        self._chunked_bytes = 0
        if status in (204, 304):
            self._chunked, self._length = False, 0

    def bytes_of(self, data: bytearray) -> int:
        """How long the body is, or has become so far."""
        return max(self._length or 0, self._chunked_bytes + len(data))

    def body(self, data: bytearray, *, over: bool) -> bytes | None:
        """The whole body, taken out of the data; None while some of it is missing."""
        if self._chunked:
            return self._from_chunks(data)
        if self._length is None:
            self.keeps = False
            return _take(data, len(data)) if over else None
        if self._length < 0:
            raise WireError("a reply of negative length")
        return _take(data, self._length) if len(data) >= self._length else None

    def _from_chunks(self, data: bytearray) -> bytes | None:
        while (end := data.find(END)) >= 0:
            size = int(bytes(data[:end]).partition(b";")[0], 16)
            if size == 0:
                # Trailers, if any, end with an empty line too.
                stop = data.find(END + END, end)
                if stop < 0:
                    return None
                del data[: stop + 4]
                return b"".join(self._chunks)
            if len(data) < end + 2 + size + 2:
                return None
            self._chunks.append(bytes(data[end + 2 : end + 2 + size]))
            self._chunked_bytes += size
            del data[: end + 2 + size + 2]
        return None


def _head(data: bytearray) -> _Reply | None:
    """The head, taken out of the data; None while it is not whole. Interim replies (1xx) are passed over."""
    while (end := data.find(END + END)) >= 0:
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        del data[: end + 4]
        version, status = first.split(" ", 2)[:2]
        if not version.startswith("HTTP/1."):
            raise WireError("the reply is no HTTP/1.1")
        if not 100 <= int(status) < 200:
            pairs = [line.partition(":") for line in lines]
            return _Reply(version, int(status), {name.strip().lower(): value.strip() for name, _, value in pairs})
    if len(data) > LONGEST_HEAD:
        raise WireError("the reply has no end of its head")
    return None


def _take(data: bytearray, length: int) -> bytes:
    taken = bytes(data[:length])
    del data[:length]
    return taken


def _plain(body: bytes, most_bytes: int) -> bytes:
    """A body that is compressed, although that was not asked for."""
    machine = zlib.decompressobj(ANY_ZLIB)
    try:
        plain = machine.decompress(body, most_bytes)
    except zlib.error as error:
        raise WireError(f"a reply that cannot be decompressed: {error}") from None
    if machine.unconsumed_tail:
        raise OversizedError(f"a reply of more than {most_bytes // 2**20} MiB")
    return plain
