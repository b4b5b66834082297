"""Measure the cost of faults: run the job against a server that fails in six ways, and compare with a run without faults.

python -m benchmarks.faults     5 % 429 (Retry-After), 5 % 500, 1 % resets, 1 % truncated, 0.5 % stalls, 1 % invalid verdicts
Limits: every unit is done or has a failure kind; the next attempt after a stall starts within one deadline; in the second
half of the run, the maximum number of requests is still in flight, so no slot leaked; at most 1.5 times the time without
faults.
"""

import argparse
import sys
import tempfile
from collections import Counter
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from benchmarks.job import ledger, serving, table, timed, write

LIMIT = 1.5
FAULTS = {"429": 0.05, "500": 0.05, "reset": 0.01, "truncated": 0.01, "stall": 0.005, "verdict": 0.01}
MEDIAN, SIGMA = 0.2, 0.8
# The deadline of one attempt in seconds. One normal reply in a thousand takes longer than 2.4 s (log-normal, 3.1 sigma).
DEADLINE = 3.0
# The allowed time from a stall to the next attempt, as a multiple of the deadline.
STALL = 1.05
IN_FLIGHT = 256


def kinds(store: Path) -> Counter[str]:
    """Count responses and judgements by outcome."""
    import duckdb

    with duckdb.connect(str(store), read_only=True) as connection:
        rows = connection.execute(
            "SELECT coalesce(failure, 'done') FROM responses UNION ALL SELECT coalesce(failure, 'done') FROM scores"
        ).fetchall()
    return Counter(row[0] for row in rows)


def stalls(came: dict[str, list[list[Any]]]) -> list[float]:
    """Return the seconds from the start of each stall to the next attempt of that request."""
    return [after[2] - before[2] for rows in came.values() for before, after in pairwise(rows) if before[5] == "stall"]


def at_once(rows: list[list[Any]], start: float) -> int:
    """Return the maximum number of requests in flight at one time after `start`, as the server saw them."""
    changes = sorted((moment, change) for row in rows for moment, change in ((row[2], 1), (row[3], -1)))
    running = accumulate(change for _, change in changes)
    return max(count for (moment, _), count in zip(changes, running, strict=True) if moment > start)


def main(prompts: int, median: float, deadline: float) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(median=median, sigma=SIGMA) as port:
            calm = timed(write(folder, port, prompts=prompts, concurrency=IN_FLIGHT, timeout=deadline, out="calm"), port)[
                "seconds"
            ]
            least = ledger(port)["requests"]
        with serving(median=median, sigma=SIGMA, faults=FAULTS) as port:
            wild = timed(write(folder, port, prompts=prompts, concurrency=IN_FLIGHT, timeout=deadline, out="wild"), port)[
                "seconds"
            ]
            log = ledger(port)
        found = kinds(folder / "wild" / "store.duckdb")
    met = Counter(row[5] for row in log["rows"] if row[5])
    came: dict[str, list[list[Any]]] = {}
    for row in log["rows"]:
        came.setdefault(row[0], []).append(row)
    longest = max(stalls(came), default=0.0)
    slots = at_once(log["rows"], sorted(row[2] for row in log["rows"])[len(log["rows"]) // 2])
    units = prompts * 4 + prompts * 4 * 3
    table(
        f"{least:,} requests without faults, {log['requests']:,} with them",
        [
            ["", ""],
            ["faults met", ", ".join(f"{count} {kind}" for kind, count in met.items())],
            ["what became of the responses and scores", ", ".join(f"{count:,} {kind}" for kind, count in found.items())],
            ["longest from a stall's begin to the next attempt", f"{longest:.2f} s (deadline {deadline:g} s)"],
            ["most in flight at once in the second half", f"{slots} of {IN_FLIGHT}"],
            ["seconds without and with faults", f"{calm:.1f}, {wild:.1f}"],
        ],
    )
    print(f"with faults to without: {wild / calm:.2f} (limit {LIMIT})")
    return wild / calm <= LIMIT and found.total() == units and longest <= STALL * deadline and slots == IN_FLIGHT


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--median", type=float, default=MEDIAN)
    parser.add_argument("--deadline", type=float, default=DEADLINE)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.prompts, arguments.median, arguments.deadline))
