"""The job that the serving benchmarks share: one request per prompt for all samples, then one judgement per response.

python -m benchmarks.job FOLDER runs it once in this process and prints the time of its last commit.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

# One core for the client and one for the server, if there are two.
CLIENT, SERVER = (0, 1) if (os.cpu_count() or 1) > 1 else (0, 0)
DOCUMENT = "The harvest was good that year, and the mill ran for weeks. "

PIPELINE = """
name: job
out: {out}
models:
  m: {{kind: openai, model: m, base_url: "http://127.0.0.1:{port}/v1", concurrency: {concurrency}, timeout: {timeout}}}
judges:
  critic: {{model: m, rubric: rubrics/grounded.yaml}}
collect:
  held_out: 0
  sources: [{{path: {prompts}, columns: {{document: document}}}}]
generate: {{model: m, samples: {samples}, logprobs: false}}
pair: {{}}
"""


def write(
    folder: Path,
    port: int,
    *,
    prompts: int,
    samples: int = 4,
    concurrency: int = 256,
    timeout: float = 60.0,
    out: str = "out",
) -> Path:
    """Write the job's pipeline file and its prompts."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"prompt": f"What does report {row} say about the harvest, and why?", "document": f"Report {row}. {DOCUMENT * 12}"}
        for row in range(prompts)
    ]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / f"{out}.yaml"
    settings = {"port": port, "samples": samples, "concurrency": concurrency, "timeout": timeout}
    path.write_text(PIPELINE.format(out=folder / out, prompts=folder / "prompts.jsonl", **settings))
    return path


@contextmanager
def serving(at: int = 0, **settings: Any) -> Iterator[int]:
    """Run a server in a separate process on a separate core; yield its port, which is any free one unless it is given."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.server",
        "--core",
        str(SERVER),
        "--port",
        str(at),
        "--settings",
        json.dumps(settings),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def ledger(port: int) -> dict[str, Any]:
    """Return the requests that the server has received so far."""
    with urlopen(f"http://127.0.0.1:{port}/ledger") as reply:
        told: dict[str, Any] = json.load(reply)
        return told


def timed(pipeline: Path, port: int) -> dict[str, float]:
    """Run the job in a separate process on a separate core; return the seconds from the first request to the last commit."""
    ledger(port)
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.job", str(pipeline)], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout.splitlines()[-1])
    return {
        "seconds": said["end"] - ledger(port)["first"],
        "process": time.monotonic() - started,
        "peak_mb": said["peak_mb"],
    }


def table(title: str, rows: list[list[str]]) -> None:
    """Print rows, of which the first is the header, in columns."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        print(
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        )


def main(path: Path) -> None:
    from rlaif import pipeline as run
    from rlaif.config import load

    with run.open_run(load(path)) as (plan, context):
        run.collect(context)
        run.generate_and_judge(plan, context)
        end = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"end": end, "peak_mb": peak}))


if __name__ == "__main__":
    os.sched_setaffinity(0, {CLIENT})
    main(Path(sys.argv[1]))
