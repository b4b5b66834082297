"""Run a million pending judgements: measure the time to the first request, the memory, and the time to resume.

python -m benchmarks.scale              125,000 prompts × 8 responses, judged for 30 s, then again with 900,000 done
Limits: first request within 5 s of the start of the process, or 3 s after a resume; at most 1 GB of resident memory.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.job import ledger, serving, table, write

RESPONSES = 8
FIRST, MEMORY, RESUME = 5.0, 1024.0, 3.0

FILL = Path(__file__).with_name("scale.sql")


def fill(store: Path, prompts: int) -> None:
    """Insert prompts and responses by SQL, as the stages would have stored them."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{store}' AS store; USE store")
        for statement in FILL.read_text().split(";"):
            if statement.strip():
                connection.execute(statement.replace("$prompts", str(prompts)).replace("$responses", str(RESPONSES)))


def finish(store: Path, share: float) -> None:
    """Insert scores for the first `share` of all answers, copied from one that was judged."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{store}' AS store; USE store")
        connection.execute(
            "INSERT INTO scores BY NAME SELECT done.* REPLACE (pending.answer AS answer) FROM "
            "(SELECT answer FROM responses ANTI JOIN scores USING (answer) ORDER BY answer "
            f"LIMIT (SELECT CAST({share} * count(*) AS BIGINT) FROM responses)) AS pending, "
            "(FROM scores WHERE answer = (SELECT min(answer) FROM scores WHERE value IS NOT NULL)) AS done"
        )


def memory(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def judge(pipeline: Path, port: int, seconds: float) -> tuple[float, float, int]:
    """Run the judge stage for `seconds`; return the seconds to the first request, the peak megabytes, and the requests."""
    before, began = ledger(port)["requests"], time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "rlaif", "judge", str(pipeline), "--quiet"])
    peak, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(0.1)
    told = ledger(port)
    first = told["first"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    return (first - began if first else float("inf")), peak, told["requests"] - before


def main(prompts: int, seconds: float) -> bool:
    with tempfile.TemporaryDirectory() as name, serving(rows=False) as port:
        folder = Path(name)
        pipeline = write(folder, port, prompts=1, samples=RESPONSES)
        subprocess.run([sys.executable, "-m", "rlaif", "generate", str(pipeline)], capture_output=True, check=False)
        from rlaif import pipeline as run
        from rlaif.config import load

        config = load(pipeline)
        with run.open_run(config) as (plan, context):
            run.collect(context)
            run.generate(plan, context)
        fill(config.store_path, prompts)
        units = prompts * RESPONSES
        first, peak, done = judge(pipeline, port, seconds)
        finish(config.store_path, 0.9)
        again, peak_again, _ = judge(pipeline, port, min(seconds, 10.0))
    table(
        f"{units:,} pending judgements",
        [
            ["", "found", "limit"],
            ["start of the process to the first request", f"{first:.1f} s", f"{FIRST:g} s"],
            [f"peak memory over {seconds:g} s and {done:,} judgements", f"{peak:,.0f} MB", f"{MEMORY:,.0f} MB"],
            ["the same after a kill, nine tenths done", f"{again:.1f} s", f"{RESUME:g} s"],
            ["peak memory then", f"{peak_again:,.0f} MB", f"{MEMORY:,.0f} MB"],
        ],
    )
    print(json.dumps({"first": first, "peak": peak, "resume": again}))
    return first <= FIRST and again <= RESUME and max(peak, peak_again) <= MEMORY


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=125_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.prompts, arguments.seconds))
