"""Let one request write a shared document to the server's cache before the others read it.

Requests that are sent at the same time would each write it, because a cache entry exists only once a reply has begun.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

# Seconds for which a cached prefix is used after the last request that had it; the server keeps it for five minutes.
KEPT: Final = 240.0


@dataclass(slots=True)
class _Prefix:
    until: float = 0.0
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Prefixes:
    """The prefixes that the requests of a run share."""

    def __init__(self) -> None:
        self._known: dict[int, _Prefix] = {}

    @asynccontextmanager
    async def turn(self, text: str) -> AsyncIterator[None]:
        """Wait until the prefix that ends with this text is cached, or until it is this request's turn to write it."""
        loop = asyncio.get_running_loop()
        prefix = self._known.setdefault(hash(text), _Prefix())
        if prefix.until <= loop.time():
            await prefix.writing.acquire()
            if prefix.until <= loop.time():
                try:
                    yield
                    prefix.until = loop.time() + KEPT
                finally:
                    prefix.writing.release()
                return
            prefix.writing.release()
        yield
        prefix.until = loop.time() + KEPT
