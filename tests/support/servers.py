"""A small real OpenAI-compatible server for tests: raw asyncio sockets, faults by script, and a ledger of requests.

async with serve([Reply(status=429), chat("hello")]) as server:
    ...                      # first request: 429; second and all later ones: hello
assert len(server.requests) == 2
"""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a client sent: the body parsed, header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the server does with one request. `hang` seconds pass before, `drip` between bytes; `cut` ends the body early."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0.0
    drip: float = 0.0
    cut: int | None = None
    close: bool = False


Script = Reply | Callable[[Request], Reply]


@dataclass
class Server:
    """A running server: where it listens, what it was sent, and how many requests were in flight at most."""

    base_url: str
    requests: list[Request] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    @property
    def chats(self) -> list[Request]:
        return [request for request in self.requests if request.path.endswith("/chat/completions")]


def reply(value: Any, status: int = 200, **options: Any) -> Reply:
    """A JSON reply."""
    return Reply(json.dumps(value).encode(), status, **options)


def choice(text: str | None = "fine", index: int = 0, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """One choice of a chat completion."""
    return {"index": index, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}


def chat(*choices: dict[str, Any] | str, usage: Any = None, **options: Any) -> Reply:
    """A chat completion with these choices, or texts."""
    listed = [choice(each, index) if isinstance(each, str) else each for index, each in enumerate(choices)]
    return reply({"object": "chat.completion", "model": "m", "choices": listed, "usage": usage}, **options)


def error(status: int, message: str, code: str | None = None, **options: Any) -> Reply:
    """An error as vendors send it."""
    return reply({"error": {"message": message, "code": code, "type": None}}, status, **options)


@asynccontextmanager
async def serve(
    script: Sequence[Script],
    models: Sequence[str | dict[str, Any]] = ("m",),
    *,
    tls: ssl.SSLContext | None = None,
    loading: Sequence[Reply] = (),
) -> AsyncIterator[Server]:
    """Answers each chat request with the next entry of `script`, the last entry again and again.

    `models` are listed on request: names, or whole entries; before that come the replies of a server that is `loading`.
    """
    server = Server("")
    left, starting = list(script), list(loading)
    listed = [{"id": each} if isinstance(each, str) else each for each in models]

    handlers: set[asyncio.Task[Any] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        try:
            while (request := await _read(reader)) is not None:
                server.requests.append(request)
                if request.path.endswith("/models"):
                    await _write(writer, starting.pop(0) if starting else reply({"object": "list", "data": listed}))
                    continue
                step = left.pop(0) if len(left) > 1 else left[0]
                server.in_flight += 1
                server.most_in_flight = max(server.most_in_flight, server.in_flight)
                try:
                    if not await _write(writer, step(request) if callable(step) else step):
                        break
                finally:
                    server.in_flight -= 1
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    server.base_url = f"http{'s' if tls else ''}://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()
        for handler in handlers:
            if handler:
                handler.cancel()
        await asyncio.sleep(0)


@asynccontextmanager
async def serve_with_tls(folder: Path, script: Script) -> AsyncIterator[tuple[str, Path]]:
    """A server with a certificate that it made itself: its base URL, and the certificate's file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate]
    subprocess.run([*command, *name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with serve([script], tls=context) as server:
        yield server.base_url, certificate


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(data) if data else {})


async def _write(writer: asyncio.StreamWriter, answer: Reply) -> bool:
    """Sends the reply; whether the connection can be used again."""
    await asyncio.sleep(answer.hang)
    if answer.close:
        return False
    headers = {"content-type": "application/json", "content-length": str(len(answer.body)), **answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {answer.status} Scripted\r\n{head}\r\n".encode("latin-1"))
    body = answer.body[: answer.cut]
    if answer.drip:
        for place in range(len(body)):
            writer.write(body[place : place + 1])
            await writer.drain()
            await asyncio.sleep(answer.drip)
    else:
        writer.write(body)
    await writer.drain()
    return answer.cut is None


def classified(*scores: float | None, tokens: int = 7) -> Reply:
    data = [{"index": 0, "label": "LABEL_0", "probs": list(scores), "num_classes": len(scores)}]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0}
    return reply({"id": "classify-1", "object": "list", "model": "m", "data": data, "usage": usage})
