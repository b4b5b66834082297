"""Measure what readers cost a run: the job at log-normal latency, with and without a process that reads every second.

python -m benchmarks.readers            10,000 requests, median 200 ms, 256 at once; limit: 0.95 of the throughput without
python -m benchmarks.readers --store N  how long a reader takes to open a store of N scores with their verdicts

Results are medians of interleaved rounds.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.job import serving, table, timed, write

LIMIT = 0.95
IN_FLIGHT = 256
# Reads what the page reads, every second until stopped, at the priority of the page; prints how often and for how long.
READER = """
import os, sys, threading, time
from contextlib import suppress
from pathlib import Path
from rlaif.core.errors import StoreError
from rlaif.store.latest import LatestStore
stop, path, seconds = threading.Event(), Path(sys.argv[1]), []
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
os.nice(5)
print("ready", flush=True)
with LatestStore(path) as latest:
    while not stop.wait(1):
        start = time.monotonic()
        # In its first moment, the store has no tables.
        with suppress(StoreError), latest.open() as store:
            store.rows("SELECT judge, criterion, count(score), avg(percent) FROM responses_scored GROUP BY ALL")
            seconds.append(time.monotonic() - start)
print(len(seconds), sum(seconds) / max(len(seconds), 1))
"""


@contextmanager
def reading(path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        # What is measured is polling, not the start of Python.
        assert process.stdout
        process.stdout.readline()
        yield process


def main(prompts: int, rounds: int, latency: float) -> bool:
    seconds: dict[str, list[float]] = {"without a reader": [], "with a reader": []}
    reads, took = 0, 0.0
    with tempfile.TemporaryDirectory() as name, serving(median=latency, sigma=0.8) as port:
        for number in range(rounds):
            for mode, found in seconds.items():
                out = f"{mode.split()[0]}{number}"
                pipeline = write(Path(name), port, prompts=prompts, concurrency=IN_FLIGHT, out=out)
                if mode == "without a reader":
                    found.append(timed(pipeline, port)["seconds"])
                    continue
                with reading(Path(name) / out / "store.duckdb") as reader:
                    found.append(timed(pipeline, port)["seconds"])
                    said = reader.communicate("stop\n")[0].split()
                reads, took = reads + int(said[0]), took + int(said[0]) * float(said[1])
    middle = {mode: median(found) for mode, found in seconds.items()}
    requests = prompts * 5
    rows = [[mode, f"{each:.2f}", f"{requests / each:,.0f}"] for mode, each in middle.items()]
    table(f"{requests:,} requests, median of {rounds} rounds", [["", "seconds", "requests/s"], *rows])
    if reads:
        print(f"{reads} reads of {took / reads:.2f} s")
    share = middle["without a reader"] / middle["with a reader"]
    print(f"throughput with a reader to without: {share:.2f} (limit {LIMIT})")
    return share >= LIMIT


def opening(scores: int) -> None:
    """Print how long a reader takes to open a store of this size, and what it costs to open it again."""
    from rlaif.store.latest import LatestStore
    from rlaif.store.store import Store

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "store.duckdb"
        with Store(path) as store:
            for start in range(0, scores, 10_000):
                keys = [hashlib.md5(str(row).encode()).hexdigest() for row in range(start, min(start + 10_000, scores))]
                store.append(
                    "scores", [{"verdict": key, "answer": key[::-1], "value": 3, "rationale": key * 3} for key in keys]
                )
                store.append("verdicts", [{"key": key, "answer": key[::-1], "raw": key * 8} for key in keys])
            with LatestStore(path) as latest:
                rows = [["", "seconds"]]
                for what in ("first", "after a commit", "unchanged"):
                    if what == "after a commit":
                        store.append("scores", [{"verdict": "x", "value": 3}])
                    began = time.monotonic()
                    with latest.open() as opened:
                        opened.rows("SELECT count(*) AS n FROM scores")
                    rows.append([what, f"{time.monotonic() - began:.3f}"])
        size = path.stat().st_size / 1e6
    table(f"opening a store of {scores:,} scores, {size:,.0f} MB", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--median", type=float, default=0.2)
    parser.add_argument("--store", type=int, default=0)
    given = parser.parse_args()
    if given.store:
        opening(given.store)
    else:
        sys.exit(not main(given.prompts, given.rounds, given.median))
