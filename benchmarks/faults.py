"""What faults cost: the job against a server that fails in six ways, beside the same without faults.

python -m benchmarks.faults     5 % 429 (Retry-After), 5 % 500, 1 % resets, 1 % truncated, 0.5 % stalls, 1 % no verdicts
Limits: every unit is done or has a kind, no stall outlasts one deadline, no slot leaks, at most 1.5 times the calm run.
"""

import argparse
import sys
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

from benchmarks.job import ledger, serving, table, timed, write

LIMIT = 1.5
FAULTS = {"429": 0.05, "500": 0.05, "reset": 0.01, "truncated": 0.01, "stall": 0.005, "verdict": 0.01}
MEDIAN, SIGMA = 0.2, 0.8
# Seconds for one attempt. One honest reply in a thousand takes longer than 2.4 (log-normal, 3.1 sigma).
DEADLINE = 3.0


def kinds(store: Path) -> Counter[str]:
    """Responses and judgements by what became of them."""
    import duckdb

    with duckdb.connect(str(store), read_only=True) as connection:
        rows = connection.execute(
            "SELECT coalesce(failure, 'done') FROM responses UNION ALL SELECT coalesce(failure, 'done') FROM scores"
        ).fetchall()
    return Counter(row[0] for row in rows)


def main(prompts: int, median: float, deadline: float) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(median=median, sigma=SIGMA) as port:
            calm = timed(write(folder, port, prompts=prompts, timeout=deadline, out="calm"), port)["seconds"]
            least = ledger(port)["requests"]
        with serving(median=median, sigma=SIGMA, faults=FAULTS) as port:
            wild = timed(write(folder, port, prompts=prompts, timeout=deadline, out="wild"), port)["seconds"]
            told = ledger(port)
        found = kinds(folder / "wild" / "store.duckdb")
    met = Counter(row[5] for row in told["rows"] if row[5])
    came: dict[str, list[tuple[float, str | None]]] = {}
    for row in told["rows"]:
        came.setdefault(row[0], []).append((row[2], row[5]))
    again = [after[0] - before[0] for times in came.values() for before, after in pairwise(times) if before[1] == "stall"]
    # A slot that leaked would be missing at the end, when all that is left is asked at once.
    half = sorted(row[2] for row in told["rows"])[len(told["rows"]) // 2]
    late = max(Counter(int((row[2] - half) * 10) for row in told["rows"] if row[2] > half).values())
    units = prompts * 4 + prompts * 4 * 3
    table(f"{least:,} requests without faults, {told['requests']:,} with them", [
        ["", ""],
        ["faults met", ", ".join(f"{count} {kind}" for kind, count in met.items())],
        ["what became of the responses and scores", ", ".join(f"{count:,} {kind}" for kind, count in found.items())],
        ["longest from a stall to the next attempt", f"{max(again, default=0.0):.1f} s (deadline {deadline:g} s, a pause)"],
        ["most requests begun in 0.1 s of the second half", f"{late}"],
        ["seconds without and with faults", f"{calm:.1f}, {wild:.1f}"],
    ])  # fmt: skip
    print(f"with faults to without: {wild / calm:.2f} (limit {LIMIT})")
    return wild / calm <= LIMIT and found.total() == units and max(again, default=0.0) < 2 * deadline


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--median", type=float, default=MEDIAN)
    parser.add_argument("--deadline", type=float, default=DEADLINE)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.prompts, arguments.median, arguments.deadline))
