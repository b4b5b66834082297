"""Replies of HTTP/1.1, read from bytes that come in any pieces."""

import zlib
from dataclasses import dataclass
from typing import Final

END = b"\r\n"
# Bytes. Servers that say more in their headers are not understood.
LONGEST_HEAD: Final = 65_536
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


class Reply:
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


def head(data: bytearray) -> Reply | None:
    """The head, taken out of the data; None while it is not whole. Interim replies (1xx) are passed over."""
    while (end := data.find(END + END)) >= 0:
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        del data[: end + 4]
        version, status = first.split(" ", 2)[:2]
        if not version.startswith("HTTP/1."):
            raise WireError("the reply is no HTTP/1.1")
        if not 100 <= int(status) < 200:
            pairs = [line.partition(":") for line in lines]
            return Reply(version, int(status), {name.strip().lower(): value.strip() for name, _, value in pairs})
    if len(data) > LONGEST_HEAD:
        raise WireError("the reply has no end of its head")
    return None


def _take(data: bytearray, length: int) -> bytes:
    taken = bytes(data[:length])
    del data[:length]
    return taken


def plain(body: bytes, most_bytes: int) -> bytes:
    """A body that is compressed, although that was not asked for."""
    machine = zlib.decompressobj(ANY_ZLIB)
    try:
        found = machine.decompress(body, most_bytes)
    except zlib.error as error:
        raise WireError(f"a reply that cannot be decompressed: {error}") from None
    if machine.unconsumed_tail:
        raise OversizedError(f"a reply of more than {most_bytes // 2**20} MiB")
    return found
