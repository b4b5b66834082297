"""Measure a fleet that changes: eight local servers, of which three are killed, and two that join, while requests are sent.

python -m benchmarks.fleet              8,000 requests; limit: 1.15 times the ideal makespan

Each server does a bounded number of requests at once, and others wait in its queue. The ideal is the time in which the
servers that were alive could have done all requests: work that was lost with a server is the client's loss. The file of
servers still lists the killed ones for two seconds, as a scheduler would.
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rlaif.config import OpenAIModel, ServerFile
from rlaif.core import event_loop
from rlaif.models.base import ChatRequest
from rlaif.models.openai.client import OpenAI

LIMIT = 1.15
SERVERS, SLOTS, SECONDS = 8, 16, 0.25
# Requests about one text.
SHARED = 8
# When servers are killed and when others join, as shares of the time that all servers would need.
KILL, UNLIST, JOIN = 0.25, 2.0, 0.5


async def serve() -> None:
    """Serve chat completions, SLOTS at once, in SECONDS each."""
    slots, ledger = asyncio.Semaphore(SLOTS), Counter[str]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                sent = json.loads(await reader.readexactly(size)) if size else {}
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if head.startswith(b"GET"):
                reply: Any = ledger if b"/ledger" in head else {"data": [{"id": "m"}]}
            else:
                async with slots:
                    await asyncio.sleep(SECONDS)
                ledger[sent["messages"][0]["content"].split(":")[0]] += 1
                message = {"role": "assistant", "content": "A reply."}
                reply = {"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
            data = json.dumps(reply).encode()
            writer.write(
                b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data)
            )

    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def start() -> tuple[subprocess.Popen[str], str]:
    """Start a server; return its process and address."""
    command = [sys.executable, "-m", "benchmarks.fleet", "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"


def ideal(requests: int, changes: list[tuple[float, int]]) -> float:
    """Return the time in which the servers can do the requests; `changes` are times and numbers of servers from then on."""
    left = requests * SECONDS / SLOTS
    for (begin, servers), (end, _) in zip(changes, [*changes[1:], (float("inf"), 0)], strict=True):
        if left <= servers * (end - begin):
            return begin + left / servers
        left -= servers * (end - begin)
    raise AssertionError


async def run(requests: int, folder: Path) -> tuple[float, float]:
    """Send the requests while the fleet changes; return the makespan and the ideal one."""
    file = folder / "servers.txt"
    servers = [start() for _ in range(SERVERS + 2)]
    first = servers[:SERVERS]
    file.write_text("\n".join(address for _, address in first))
    source = ServerFile(file="servers.txt")
    source.beside(folder)
    model = OpenAI(OpenAIModel(kind="openai", model="m", base_url=source, concurrency=int(1.5 * SERVERS * SLOTS)))
    calm = requests * SECONDS / SLOTS / SERVERS
    changes = [(0.0, SERVERS)]
    began = 0.0

    async def change() -> None:
        await asyncio.sleep(KILL * calm)
        for process, _ in first[:3]:
            process.send_signal(signal.SIGKILL)
        changes.append((time.monotonic() - began, SERVERS - 3))
        await asyncio.sleep(UNLIST)
        file.write_text("\n".join(address for _, address in first[3:]))
        await asyncio.sleep(max(0.0, JOIN * calm - (time.monotonic() - began)))
        file.write_text("\n".join(address for _, address in servers[3:]))
        changes.append((time.monotonic() - began, SERVERS - 1))

    async with model:
        units = iter(range(requests))

        async def work() -> None:
            for number in units:
                text = f"text {number // SHARED}"
                await model.complete(ChatRequest([{"role": "user", "content": f"{text}: {number}"}], about=text))

        began = time.monotonic()
        changing = asyncio.create_task(change())
        await asyncio.gather(*(work() for _ in range(model.concurrency)))
        took = time.monotonic() - began
        await changing
    _report(servers[3:])
    for process, _ in servers:
        process.kill()
        process.wait()
    print(f"servers: {', '.join(f'{count} from {at:.1f} s' for at, count in changes)}")
    return took, ideal(requests, changes)


def _report(alive: list[tuple[subprocess.Popen[str], str]]) -> None:
    """Print how the requests were spread, and how many met the server that read most about their text."""
    import urllib.request

    counts: list[Counter[str]] = []
    for _, address in alive:
        with urllib.request.urlopen(f"{address}/ledger") as reply:
            counts.append(Counter(json.load(reply)))
    best: Counter[str] = Counter()
    for each in counts:
        best |= each
    total = sum(each.total() for each in counts)
    print(f"requests done by {len(alive)} living servers: {', '.join(f'{each.total():,}' for each in counts)}")
    print(f"requests that met the server of their text: {best.total() / total:.0%}")


def main(requests: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        took, least = event_loop.run(run(requests, Path(folder)))
    print(f"{requests:,} requests in {took:.2f} s, ideal {least:.2f} s: {took / least:.3f} times (limit {LIMIT})")
    return took <= LIMIT * least


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=8000)
    parser.add_argument("--serve", action="store_true")
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
    else:
        sys.exit(not main(arguments.requests))
