"""Pair ever more prompts within a fixed memory: seconds, how they grow with the size, peak memory and spilled bytes.

    python -m benchmarks.pairing_scale                               1.25, 2.5 and 5 million prompts (120 million scores)
    python -m benchmarks.pairing_scale --prompts 1000 2000 4000      other sizes
    python -m benchmarks.pairing_scale --strategies pareto           other strategies

A store is filled by SQL up to each size, with eight responses a prompt and three scores a response. Each pairing is a cold
process on two threads. Memory is the peak of the whole process. At the smallest size, the same pairs are also made without a
limit and in one part, and compared byte by byte. The exit code is 1 if a process needs more than 4 GB, if the processor time
grows faster than size ^ 1.05, or if a byte differs.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import pairs
from rlaif.store.store import Store

PROMPTS = (1_250_000, 2_500_000, 5_000_000)
MEMORY, EXPONENT = 4_000, 1.05
# What is left of it is for Python and for what DuckDB does not count.
DUCKDB = "3500MB"
# Prompts whose rows are made and sorted at once.
RANGE = 100_000
# The pairs in their order, and the outcomes, whose order has no meaning.
DIGESTS = """
    WITH outcome AS (SELECT hash(prompt, response, reason, others) AS digest FROM reasons WHERE pairing = $pairing),
    pair AS (
        SELECT rowid AS place, md5(concat_ws('/', prompt, chosen, rejected, margin, confidence)) AS digest
        FROM pairs WHERE pairing = $pairing
    )
    SELECT (SELECT md5(string_agg(digest, '' ORDER BY place)) FROM pair) AS pairs,
        (SELECT concat_ws('/', count(*), bit_xor(digest), sum(digest)) FROM outcome) AS outcomes
"""


def fill(path: Path, first: int, prompts: int) -> None:
    """Add the prompts from `first` up to `prompts` to a store, range by range, and delete its pairs."""
    with Store(path) as store:
        pairs.limit(store)
        for begin in range(first, prompts, RANGE):
            pairs.add(store, begin, min(begin + RANGE, prompts), texts=0)
        for row in store.rows("SELECT key FROM pairings"):
            store.execute("pairs/sql/delete_pairing", pairing=row["key"])


def pair(path: Path, strategy: str, memory: str) -> dict[str, Any]:
    """Make the pairs in this process; in parts and with DuckDB's memory limited, if `memory` is not empty."""
    with Store(path) as store:
        store.run(f"SET threads = {pairs.THREADS}")
        if memory:
            store.run(f"SET memory_limit = '{memory}'")
        made = pairs.build_pairs(strategy, path.parent, store, in_parts=bool(memory))
        return {"pairs": made.pairs, "key": made.key}


def digests(path: Path, pairing: str) -> dict[str, str]:
    with Store(path, read_only=True) as store:
        pairs.limit(store)
        return dict(store.rows(DIGESTS, pairing=pairing)[0])


def measure(path: Path, strategy: str, memory: str = DUCKDB) -> dict[str, Any]:
    """Return what one cold process took: seconds, those of both processors, peak memory and most spilled MB."""
    command = [sys.executable, "-m", "benchmarks.pairing_scale", "--one", str(path), strategy, memory]
    started, spilled = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    while True:
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        spilled = max(spilled, size(Path(f"{path}.spill")))
        time.sleep(0.2)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"pairing {path} by {strategy} failed with code {process.returncode}")
    assert process.stdout
    return json.loads(process.stdout.read()) | {
        "seconds": time.perf_counter() - started,
        "cpu": used.ru_utime + used.ru_stime,
        "mb": used.ru_maxrss / 2**10,
        "spilled": spilled / 1e6,
    }


def size(folder: Path) -> int:
    """Return the bytes in a folder whose files come and go."""
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def exponent(found: dict[int, float]) -> float:
    """Return the slope of log(seconds) over log(prompts), by least squares."""
    points = [(math.log(prompts), math.log(seconds)) for prompts, seconds in found.items()]
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((one - x) ** 2 for one, _ in points)
    return sum((one - x) * (other - y) for one, other in points) / spread if spread else math.nan


def extend(path: Path, first: int, prompts: int) -> None:
    # In another process, so that its memory is not counted.
    filler = get_context("spawn").Process(target=fill, args=(path, first, prompts))
    filler.start()
    filler.join()
    if filler.exitcode:
        raise SystemExit(f"filling {path} failed")
    os.sync()


def row(prompts: int, strategy: str, found: dict[str, Any]) -> list[str]:
    return [
        strategy,
        f"{prompts:,}",
        f"{found['pairs']:,}",
        f"{found['seconds']:.1f}",
        f"{found['cpu']:.1f}",
        f"{found['mb']:,.0f}",
        f"{found['spilled']:,.0f}",
    ]


def compare(path: Path, strategy: str, limited: str) -> bool:
    """Pair once more with all memory and in one part, and return whether pairs and outcomes are the same."""
    before = digests(path, limited)
    free = measure(path, strategy, memory="")
    return free["key"] == limited and digests(path, free["key"]) == before


def run(folder: Path, sizes: list[int], strategies: list[str], memory: str) -> bool:
    growth: dict[str, dict[int, float]] = {name: {} for name in strategies}
    rows, peak, same = [], 0.0, []
    path, before = folder / "store.duckdb", 0
    for prompts in sorted(sizes):
        extend(path, before, prompts)
        for strategy in strategies:
            found = measure(path, strategy, memory)
            rows.append(row(prompts, strategy, found))
            print(*rows[-1], sep="  ", flush=True)
            growth[strategy][prompts] = found["cpu"]
            peak = max(peak, found["mb"])
            if not before:
                same.append(compare(path, strategy, found["key"]))
        before = prompts
    from benchmarks.job import table

    exponents = {name: exponent(found) for name, found in growth.items()}
    table(
        f"pairing with at most {memory} for DuckDB",
        [["strategy", "prompts", "pairs", "seconds", "of CPU", "peak MB", "spilled MB"], *rows],
    )
    print("; ".join(f"{name}: processor time grows with size ^ {found:.2f}" for name, found in exponents.items()))
    print(f"same pairs and outcomes in one part without a limit at {min(sizes):,} prompts: {all(same)}")
    return peak <= MEMORY and max(exponents.values()) <= EXPONENT and all(same)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, nargs="+", default=list(PROMPTS))
    parser.add_argument("--strategies", nargs="+", default=["best_vs_worst"])
    parser.add_argument("--memory", default=DUCKDB, help="DuckDB's limit")
    parser.add_argument("--folder", type=Path, help="where stores and spilled data go; by default the temporary folder")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        path, strategy, memory = given.one
        print(json.dumps(pair(Path(path), strategy, memory)))
        return
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        passed = run(folder, given.prompts, given.strategies, given.memory)
    finally:
        shutil.rmtree(folder)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
