"""A local server that answers with given bytes, right or wrong, and the transport's requests to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from rlaif.models.openai.transport import ConnectionPool
from rlaif.models.openai.transport_reply import Answer


async def read_body(reader: asyncio.StreamReader) -> bytes:
    """The body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))


@asynccontextmanager
async def listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], path: str
) -> AsyncIterator[str]:
    """A server that handles each connection until its client leaves; the URL of `path` there."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
    finally:
        server.close()


@asynccontextmanager
async def speaking(replies: Sequence[bytes], pieces: int = 0, end: bool = False) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that answers each request with the next bytes, in pieces; its URL, and requests by connection."""
    connections: list[int] = []
    left = list(replies)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        mine = len(connections) - 1
        while left:
            await read_body(reader)
            connections[mine] += 1
            data = left.pop(0)
            for start in range(0, len(data), pieces or len(data) or 1):
                writer.write(data[start : start + (pieces or len(data))])
                await writer.drain()
                if pieces:
                    await asyncio.sleep(0)
            if end:
                break

    async with listening(handle, "/v1/x?y=z") as url:
        yield url, connections
    await asyncio.sleep(0.001)


def post(
    replies: Sequence[bytes], *, times: int = 1, most_bytes: int = 2**20, pieces: int = 0, end: bool = False
) -> tuple[list[Answer], list[int]]:
    async def run() -> tuple[list[Answer], list[int]]:
        async with speaking(replies, pieces, end) as (url, connections):
            wires = ConnectionPool(url, {"authorization": "Bearer x"}, most_bytes=most_bytes)
            try:
                return [await asyncio.wait_for(wires.post(b"{}"), 5) for _ in range(times)], connections
            finally:
                await wires.close()

    return asyncio.run(run())
