"""Measure how busy the server is kept: run the job at log-normal latency, and compare with the best possible schedule.

python -m benchmarks.makespan           10,000 requests, median 200 ms, sigma 0.8, 256 at once; limit: 1.10 times ideal
"""

import argparse
import heapq
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.job import ledger, serving, table, timed, write

LIMIT = 1.10
IN_FLIGHT = 256


def ideal(rows: list[list[Any]]) -> tuple[float, float]:
    """Return two times in seconds: a lower bound for all schedules, and the time of a greedy schedule without overhead.

    A request waits only for a slot; a judgement also waits for the response that it judges.
    """
    children: dict[str, list[float]] = {}
    roots = []
    for digest, parent, _, _, seconds, _ in rows:
        if parent is None:
            roots.append((digest, seconds))
        else:
            children.setdefault(parent, []).append(seconds)
    chains = [seconds + max(children.get(digest, [0.0])) for digest, seconds in roots]
    least = max(sum(row[4] for row in rows) / IN_FLIGHT, max(chains))
    return least, _greedy(roots, children)


def _greedy(roots: list[tuple[str, float]], children: dict[str, list[float]]) -> float:
    ready: list[tuple[str | None, float]] = list(reversed(roots))
    running: list[tuple[float, int, str | None]] = []
    now, count = 0.0, 0
    while ready or running:
        while ready and len(running) < IN_FLIGHT:
            digest, seconds = ready.pop()
            count += 1
            heapq.heappush(running, (now + seconds, count, digest))
        now, _, digest = heapq.heappop(running)
        if digest is not None:
            ready += [(None, seconds) for seconds in children.get(digest, [])]
    return now


def overlap(rows: list[list[Any]]) -> float:
    """Return the share of judgements that were requested before the last response arrived."""
    last = max(row[3] for row in rows if row[1] is None)
    judged = [row for row in rows if row[1] is not None]
    return sum(row[2] < last for row in judged) / len(judged)


def main(prompts: int, median: float, sigma: float) -> bool:
    with tempfile.TemporaryDirectory() as name, serving(median=median, sigma=sigma) as port:
        run = timed(write(Path(name), port, prompts=prompts, concurrency=IN_FLIGHT), port)
        rows = ledger(port)["rows"]
    least, greedy = ideal(rows)
    busy = sum(row[4] for row in rows)
    table(
        f"{len(rows):,} requests, log-normal, median {median * 1000:.0f} ms, sigma {sigma}, {IN_FLIGHT} at once",
        [
            ["", "seconds", "to ideal", "mean in flight"],
            ["no schedule can beat", f"{least:.2f}", f"{least / greedy:.2f}", ""],
            ["ideal: greedy, no overhead", f"{greedy:.2f}", "1.00", f"{busy / greedy:.0f}"],
            [
                "rlaif, first request to last commit",
                f"{run['seconds']:.2f}",
                f"{run['seconds'] / greedy:.2f}",
                f"{busy / run['seconds']:.0f}",
            ],
        ],
    )
    print(f"judgements requested while responses were still being generated: {overlap(rows):.0%}")
    print(f"rlaif to ideal: {run['seconds'] / greedy:.2f} (limit {LIMIT})")
    return run["seconds"] / greedy <= LIMIT


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--median", type=float, default=0.2)
    parser.add_argument("--sigma", type=float, default=0.8)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.prompts, arguments.median, arguments.sigma))
