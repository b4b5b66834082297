"""Measure rlaif's overhead: run a job at zero latency, and compare with a bare loop that sends the same and stores nothing.

python -m benchmarks.overhead               2,000 prompts × 4 samples, 8,000 judgements: 10,000 requests
python -m benchmarks.overhead --peers DIR   curator and distilabel too, once each, in environments created in DIR

The client has one core and the server another; results are medians of interleaved rounds. Limit: 2.0 times the bare loop. A
peer is timed from its first request to its end, including storing its results; curator has no `n` and sends 16,000 requests.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import orjson

from benchmarks.job import CLIENT, ledger, serving, table, timed, write

LIMIT = 2.0
IN_FLIGHT = 256
# The packages of each peer, in the measured versions; distilabel does not declare all packages that it imports.
PEERS = {"curator": ["bespokelabs-curator==0.1.31"], "distilabel": ["distilabel[openai]==1.5.3", "requests", "pillow"]}


async def bare(port: int, bodies: list[dict]) -> float:
    """Return the seconds for aiohttp and orjson alone: a fixed number of workers over a queue."""
    import aiohttp

    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def send(body: dict) -> None:
            data, head = orjson.dumps(body), {"content-type": "application/json"}
            async with session.post(url, data=data, headers=head) as reply:
                orjson.loads(await reply.read())

        return await _through(bodies, send)


async def package(port: int, bodies: list[dict]) -> float:
    """Return the seconds for the asynchronous client of the openai package."""
    import openai

    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as client:

        async def send(body: dict) -> None:
            await client.chat.completions.create(**body)

        return await _through(bodies, send)


async def _through(bodies: list[dict], send) -> float:  # type: ignore[no-untyped-def]
    left = iter(bodies)

    async def work() -> None:
        for body in left:
            await send(body)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - started


def client(kind: str, port: int, recorded: Path) -> tuple[float, float]:
    """Run one round of a client in a separate process on the client's core, and return its seconds and the process's."""
    command = [sys.executable, "-m", "benchmarks.overhead", "--client", kind, str(port), str(recorded)]
    started = time.monotonic()
    seconds = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return seconds, time.monotonic() - started


def alone(kind: str, port: int, recorded: Path) -> None:
    os.sched_setaffinity(0, {CLIENT})
    bodies = [orjson.loads(line) for line in recorded.read_bytes().splitlines()]
    if kind == "package":
        bodies = bodies[: len(bodies) // 5]  # it takes as long for these as the others for all
    work = (package if kind == "package" else bare)(port, bodies)
    if kind == "uvloop":
        import uvloop

        print(uvloop.run(work))
    else:
        print(asyncio.run(work) * (5 if kind == "package" else 1))


def peer(name: str, environments: Path, pipeline: Path, port: int) -> dict[str, float]:
    """Return a peer's seconds for the job, from its first request and as a whole process, and its number of requests."""
    python = environments / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environments / name)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[name]], check=True)
    script = Path(__file__).parent / "peers" / f"by_{name}.py"
    out = pipeline.parent / name
    out.mkdir()
    before = ledger(port)["requests"]
    started = time.monotonic()
    command = ["taskset", "--cpu-list", str(CLIENT), python, script, str(port), pipeline.parent / "prompts.jsonl", out]
    subprocess.run(command, check=True, capture_output=True, cwd=out)
    end, log = time.monotonic(), ledger(port)
    return {"seconds": end - log["first"], "process": end - started, "requests": log["requests"] - before}


def main(prompts: int, rounds: int, environments: Path | None) -> bool:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recorded = folder / "bodies.jsonl"
        with serving(rows=False, record=str(recorded)) as port:
            timed(write(folder, port, prompts=prompts, out="warm"), port)
        found: dict[str, list[float]] = {kind: [] for kind in ("asyncio", "whole", "uvloop", "package", "rlaif", "process")}
        peers: dict[str, dict[str, float]] = {}
        with serving(rows=False) as port:
            for turn in range(rounds):
                for kind in ("asyncio", "uvloop", "package"):
                    seconds, process = client(kind, port, recorded)
                    found[kind].append(seconds)
                    if kind == "asyncio":
                        found["whole"].append(process)
                run = timed(write(folder, port, prompts=prompts, out=f"run{turn}"), port)
                found["rlaif"].append(run["seconds"])
                found["process"].append(run["process"])
            for name in PEERS if environments else ():
                peers[name] = peer(name, environments, write(folder, port, prompts=prompts), port)
        requests = len(recorded.read_bytes().splitlines())
    base = median(found["asyncio"])
    names = {
        "asyncio": "bare aiohttp + orjson, stores nothing",
        "whole": "the same, whole process with start and import",
        "uvloop": "the same on uvloop",
        "package": "openai package, stores nothing (a fifth, times 5)",
        "rlaif": "rlaif, judged and stored",
        "process": "rlaif, whole process with start and import",
    }
    rows = [["client", "seconds", "requests/s", "to bare"]]
    for kind, label in names.items():
        seconds = median(found[kind])
        rows.append([label, f"{seconds:.2f}", f"{requests / seconds:,.0f}", f"{seconds / base:.2f}"])
    ours = median(found["rlaif"])
    for name, run in peers.items():
        rows.append(
            [
                f"{name}, judged and stored, once",
                f"{run['seconds']:.2f}",
                f"{run['requests'] / run['seconds']:,.0f}",
                f"{run['seconds'] / base:.2f}",
            ]
        )
    table(f"{requests:,} requests at zero latency, {IN_FLIGHT} in flight, median of {rounds}", rows)
    for name, run in peers.items():
        whole = run["process"] / median(found["process"])
        print(f"{name} to rlaif: {run['seconds'] / ours:.1f} ({whole:.1f} as whole processes)")
    ratio = ours / base
    print(f"as whole processes: {median(found['process']) / median(found['whole']):.2f}")
    print(f"rlaif to bare: {ratio:.2f} (limit {LIMIT})")
    return ratio <= LIMIT


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        alone(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
        sys.exit()
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=Path, help="a folder for the peers' environments")
    arguments = parser.parse_args()
    sys.exit(not main(arguments.prompts, arguments.rounds, arguments.peers))
