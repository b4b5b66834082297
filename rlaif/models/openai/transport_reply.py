"""Read HTTP/1.1 replies with httptools, with bounds on everything that a server controls."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httptools

# The maximum bytes outside of the body: a head, a chunk's header, or trailers. Honest servers send a few hundred.
LONGEST_HEAD: Final = 65_536
# The maximum number of replies such as "100 Continue" before the reply itself.
MOST_INTERIM: Final = 16
# The maximum number of nested compressions of a body.
MOST_CODINGS: Final = 4
# The number of bytes that are decompressed at a time.
STEP: Final = 2**20
# Window bits with which zlib reads gzip and zlib's own format, and deflate without a header, which some servers send.
ANY_ZLIB, RAW_DEFLATE = 47, -15
GZIP: Final = b"\x1f\x8b"
ZLIB: Final = frozenset({"gzip", "x-gzip", "deflate"})
# Values of Content-Encoding that mean "not compressed".
PLAIN: Final = frozenset({"", "identity", "none", "binary", "utf-8", "utf8"})


class WireError(OSError):
    """The connection failed, or the server's reply is not valid HTTP."""


class OversizedError(WireError):
    """The reply is longer than any honest one."""


@dataclass(slots=True)
class Answer:
    """A complete reply. Header names are in lower case. `first` marks the first reply on its connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    first: bool = True


class ReplyMemory:
    """Bounds the bytes of all replies in flight together, whatever the servers send.

    Each incomplete reply registers its bytes as a share. If all shares together exceed `most`, the largest reply is refused.
    """

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0
        self._shares: set[Share] = set()

    def share(self, most: int = 0, refused: Callable[[], None] = lambda: None) -> "Share":
        """Return a share for one reply of at most `most` bytes at a time. `refused` is called if the reply is refused."""
        return Share(self, most, refused)

    def change(self, share: "Share", by: int) -> None:
        """Record that a share holds `by` more (or, if negative, fewer) bytes."""
        self.held += by
        self._shares.add(share)
        while self.held > self.most and self._shares:
            largest = max(self._shares, key=lambda each: each.size)
            largest.refuse(f"the replies in flight are longer than {self.most // 2**20} MiB together")

    def forget(self, share: "Share") -> None:
        """Record that a share holds nothing any more."""
        self.held -= share.size
        self._shares.discard(share)


# The memory that all connections of the process share.
MEMORY: Final = ReplyMemory(512 * 2**20)
# Replies below this size are not counted: 256 of them in flight take only 16 MiB.
UNCOUNTED: Final = 2**16


class Share:
    """The bytes of one reply. `fault` is set once the reply is refused, for its length or for the total of all replies."""

    def __init__(self, memory: ReplyMemory, most: int, refused: Callable[[], None]) -> None:
        self._memory, self._refused = memory, refused
        self.size = 0
        self.start(most)

    def start(self, most: int) -> None:
        """Prepare for the next reply."""
        if self.size:
            self.release()
        self.most = most
        self.fault: OversizedError | None = None

    def hold(self, size: int) -> None:
        """Record how many bytes the reply has taken so far."""
        if self.fault is None and size > self.most:
            self.refuse(f"a reply of more than {self.most / 2**20:.1f} MiB")
        elif self.fault is None and size > UNCOUNTED:
            more, self.size = size - self.size, size
            self._memory.change(self, more)

    def check(self) -> None:
        """Raise OversizedError if the reply is refused."""
        if self.fault:
            raise self.fault

    def refuse(self, why: str) -> None:
        """Refuse the reply."""
        self.release()
        self.fault = OversizedError(why)
        self._refused()

    def release(self) -> None:
        """Release the bytes. Call this once the caller has the reply or has given up."""
        if self.size:
            self._memory.forget(self)
            self.size = 0


class ReplyReader:
    """Reads the replies of one connection, one after the other.

    Call `expect` with each request and `feed` with each piece of data. `done` is set once the reply is complete, and `fault`
    once it cannot be completed. `unasked` is set if the server sends unsolicited data. `refused` is called if a reply is
    refused because it, or all replies together, are too long.
    """

    def __init__(self, memory: ReplyMemory, refused: Callable[[], None]) -> None:
        self.share, self._dropped = memory.share(refused=self._refuse), refused
        self._parser = httptools.HttpResponseParser(self)
        # Folded headers, bare line feeds, and blanks after a chunk's size are harmless, and some servers send them.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.unasked = self._is_http_1 = False
        self.fault: WireError | None = None
        self._start()
        self.done = True

    def _start(self) -> None:
        self.done = self.begun = self.keeps = False
        self._in_body = self._ends_with_connection = False
        self._status = self._interim = self._without_body = 0
        self._headers: dict[str, str] = {}
        self._coding = ""
        self._body = bytearray()

    def expect(self, most_bytes: int) -> None:
        """Prepare for the next reply, whose body may have at most `most_bytes`."""
        self.share.start(most_bytes)
        self._start()

    def _refuse(self) -> None:
        self.fault = self.fault or self.share.fault
        self._dropped()

    def feed(self, data: bytes) -> None:
        """Process the next piece of data, and set `done`, `fault` or `unasked` if it decides them."""
        before = len(self._body)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("the server wants to switch to another protocol")
        except httptools.HttpParserError as error:
            self._fail(f"the reply is not valid HTTP: {error}")
        if not self.done:
            self._without_body = 0 if len(self._body) > before else self._without_body + len(data)
            if self._without_body > LONGEST_HEAD:
                self._fail(f"more than {LONGEST_HEAD // 1024} KiB of headers")

    def finish(self) -> None:
        """Process the end of the connection, which is also the end of some replies."""
        if not self.done and self._in_body and self._ends_with_connection:
            self.done = True

    def answer(self, *, first: bool) -> Answer:
        """Return the complete, decompressed reply. Raises WireError if decompression fails."""
        body, self._body = bytes(self._body), bytearray()
        if self._coding:
            body = decompressed(body, self._coding, self.share)
        return Answer(self._status, self._headers, body, first)

    def _fail(self, why: str) -> None:
        if self.done:
            self.unasked = True
        else:
            self.fault = self.fault or WireError(why)

    # Callbacks of httptools.

    def on_message_begin(self) -> None:
        if self.done:
            self.unasked = True

    def on_header(self, name: bytes, value: bytes) -> None:
        # Headers after the body are trailers, which are ignored.
        if not self._in_body and not self.done:
            key, text, headers = name.decode("latin-1").strip().lower(), value.decode("latin-1").strip(), self._headers
            headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        if self.done:
            return
        if not self._is_http_1:
            self._check_version()
        self._status = self._parser.get_status_code()
        if self._status < 200:
            return
        self.begun = self._in_body = True
        length = self._headers.get("content-length")
        self._coding = self._headers.get("content-encoding", "")
        if length is None:
            coding, comma, transfer = self._headers.get("transfer-encoding", "").lower().rpartition(",")
            self._ends_with_connection = transfer.strip() != "chunked"
            self._coding += comma + coding
        elif int(length) > self.share.most:
            self.share.hold(int(length))

    def _check_version(self) -> None:
        self._is_http_1 = self._parser.get_http_version() in ("1.1", "1.0")
        if not self._is_http_1:
            self._fail("the reply is not HTTP/1.1")

    def on_body(self, data: bytes) -> None:
        if self.done or self.fault:
            return
        self._body += data
        self.share.hold(len(self._body))

    def on_message_complete(self) -> None:
        if self.done or self.fault:
            return
        if self._in_body:
            self.done = True
            self.keeps = self._parser.should_keep_alive()
            return
        self._interim += 1
        self._headers = {}
        if self._interim > MOST_INTERIM:
            self._fail("too many interim replies")


def decompressed(body: bytes, coding: str, share: Share) -> bytes:
    """Decompress a body that the server compressed although the request did not allow it; `coding` is its Content-Encoding.

    Raises WireError for what cannot be decompressed, and OversizedError for a body that becomes too long.
    """
    share.check()
    codings = [each.strip().lower() for each in coding.split(",")] if coding else []
    codings = [each for each in codings if each not in PLAIN]
    unknown = [each for each in codings if each not in ZLIB]
    if unknown or len(codings) > MOST_CODINGS:
        raise WireError(f"the reply is compressed in a way that was not asked for: {', '.join(unknown or codings)[:40]}")
    for _ in codings:
        body = _inflated(body, share)
    return body


def _inflated(body: bytes, share: Share) -> bytes:
    bits = ANY_ZLIB if body[:2] == GZIP or _is_zlib(body) else RAW_DEFLATE
    length, found = len(body), bytearray()
    while body:
        machine = zlib.decompressobj(bits)
        while not machine.eof:
            try:
                piece = machine.decompress(body, STEP)
            except zlib.error as error:
                raise WireError(f"the reply cannot be decompressed: {error}") from None
            body = machine.unconsumed_tail
            found += piece
            share.hold(length + len(found))
            share.check()
            if not piece and not body and not machine.eof:
                raise WireError("the reply cannot be decompressed: it is cut off")
        # A gzip body may have several members.
        body = machine.unused_data if machine.unused_data[:2] == GZIP else b""
    return bytes(found)


def _is_zlib(body: bytes) -> bool:
    """Return whether the data begins with the two bytes of a zlib header."""
    return len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
