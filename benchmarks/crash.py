"""Measure the cost of crashes: kill the job (SIGKILL) at random moments, resume it, and compare with an undisturbed run.

python -m benchmarks.crash              20 kills. Limits: only requests that were in flight at a kill are sent again, and the
                                        pairs are byte-identical

A request is in flight if it was sent but its result is not in the store: it has no answer, or its answer came less than half
a second before the kill and was not committed yet.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.job import ledger, serving, table, write

MEDIAN, SIGMA = 0.2, 0.8
# Seconds after which an answer must be in the store, and seconds before which no request can have started.
DURABLE, START = 0.5, 1.5


class Kill(NamedTuple):
    """When a process got the signal, and when it was gone: a large process takes some time to end."""

    sent: float
    gone: float


def run(pipeline: Path, seconds: float | None = None) -> Kill | None:
    """Run the job; it is killed after `seconds` if given. Return the kill, or None if the job finished."""
    command = [sys.executable, "-m", "rlaif", "run", str(pipeline)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        sent = time.monotonic()
        process.send_signal(signal.SIGKILL)
        process.wait()
        return Kill(sent, time.monotonic())
    return None


def exported(out: Path) -> bytes:
    """Return the bytes of everything that the export wrote."""
    return b"".join(file.read_bytes() for file in sorted((out / "pairs").rglob("*.jsonl")))


def asked_again(rows: list[list[Any]], kills: list[Kill]) -> tuple[int, list[float]]:
    """Return how many repeated requests had no answer at the kill, and how many seconds before it the others had theirs."""
    first: dict[str, list[Any]] = {}
    unanswered, ages = 0, []
    for row in rows:
        before = first.get(row[0])
        first[row[0]] = row
        if before is None:
            continue
        kill = next(kill for kill in kills if before[2] <= kill.gone)
        if before[3] is None or before[3] > kill.sent:
            unanswered += 1
        else:
            ages.append(kill.sent - before[3])
    return unanswered, ages


def main(prompts: int, kills: int, seed: int, median: float) -> bool:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(median=median, sigma=SIGMA) as port:
            started = time.monotonic()
            assert run(write(folder, port, prompts=prompts, out="calm")) is None
            calm = time.monotonic() - started
            least = ledger(port)["requests"]
        # At the same address, which is part of the model's identity.
        with serving(at=port, median=median, sigma=SIGMA):
            pipeline = write(folder, port, prompts=prompts, out="wild")
            moments: list[Kill] = []
            while len(moments) < kills:
                # The runs are short, so that all kills hit the job.
                kill = run(pipeline, START + rng.random() * calm / kills)
                if kill is None:
                    break
                moments.append(kill)
            assert run(pipeline) is None
            log = ledger(port)
        equal = exported(folder / "calm") == exported(folder / "wild") != b""
    unanswered, ages = asked_again(log["rows"], moments)
    lost = sum(age > DURABLE for age in ages)
    table(
        f"{len(moments)} kills, {prompts:,} prompts, median {median * 1000:.0f} ms",
        [
            ["", "requests"],
            ["least possible", f"{least:,}"],
            ["asked in all", f"{log['requests']:,}"],
            ["asked twice: without an answer at a kill", f"{unanswered:,}"],
            ["asked twice: answered and not yet committed", f"{len(ages) - lost:,}"],
            [f"asked twice: answered more than {DURABLE:g} s before", f"{lost:,}"],
        ],
    )
    each = max(len(moments), 1)
    print(f"at a kill: {unanswered / each:.0f} without an answer, {len(ages) / each:.0f} not yet committed")
    print(f"oldest answer that was not committed: {max(ages, default=0.0):.2f} s (limit {DURABLE:g} s)")
    print(f"pairs equal to the byte: {equal}")
    return equal and not lost and log["requests"] == least + unanswered + len(ages) and len(moments) == kills


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--median", type=float, default=MEDIAN)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.prompts, arguments.kills, arguments.seed, arguments.median))
