"""Measure what deaths cost on a Ray cluster: three simulated nodes, of which workers, a node and the driver are killed (-9).

python -m benchmarks.ray_kill                   2,000 judgements, 6 workers killed, a node, and the driver once
python -m benchmarks.ray_kill --units 80000     the size for a quiet machine

Limits: every unit once; at most as many requests are sent again as the killed workers had units in flight; results equal to
the byte to those of a single process, whose time is measured too. A unit is in flight until its result is durable.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.crash import Kill, asked_again
from benchmarks.job import ledger, serving, table, write
from rlaif.store.store import Store

SAMPLES, NODES = 4, 3
# Units that one of the workers has in flight at most: a part of the model's `concurrency`, and as many that wait for a slot.
IN_FLIGHT = 2 * (256 // NODES)
FACTS = {
    "verdicts": "key, answer, judge, repeat, attempt, raw, failure, calls, prompt_tokens, output_tokens",
    "scores": "verdict, answer, criterion, repeat, attempt, value, expected, rationale, failure",
    "pairs": "prompt, chosen, rejected, margin, confidence",
}


def rlaif(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "rlaif", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def facts(out: Path) -> dict[str, list[Any]]:
    with Store(out / "store.duckdb", read_only=True) as store:
        return {name: store.rows(f"SELECT {columns} FROM {name} ORDER BY ALL") for name, columns in FACTS.items()}


def busy_workers() -> list[int]:
    """Return the processes of actors that work at this moment; Ray names a process after what it does."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::Worker.work"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def killed(process: int) -> Kill:
    sent = time.monotonic()
    os.kill(process, signal.SIGKILL)
    while Path(f"/proc/{process}").exists() and b"\0" in (Path(f"/proc/{process}") / "cmdline").read_bytes():
        time.sleep(0.001)
    return Kill(sent, time.monotonic())


class Cluster:
    """Three nodes on this machine, each with its raylet and room for one worker."""

    def __init__(self) -> None:
        # Ray gives its workers little processor time beside other processes, such as the server here.
        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
        from ray.cluster_utils import Cluster as Simulated

        # The head has no room for workers, so that each node that is killed can be replaced.
        self.cluster = Simulated(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.nodes = [self.cluster.add_node(num_cpus=1) for _ in range(NODES)]
        self.address = self.cluster.address

    def kill_node(self) -> Kill:
        """Kill a node without warning, and add another one."""
        node = self.nodes.pop(0)
        (raylet,) = node.all_processes["raylet"]
        kill = killed(raylet.process.pid)
        self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.append(self.cluster.add_node(num_cpus=1))
        return Kill(kill.sent, time.monotonic())

    def close(self) -> None:
        self.cluster.shutdown()


def work(folder: Path, cluster: Cluster, kills: int, rng: random.Random, port: int, units: int) -> list[Kill]:
    """Do the folder's units while workers, a node and the driver die; each kill waits for a part of the requests."""
    command = [sys.executable, "-m", "rlaif", "work", str(folder), "--engine", "ray", "--address", cluster.address]
    command += ["--workers", str(NODES), "--quiet"]
    first, moments = int(ledger(port)["requests"]), list[Kill]()
    events = ["worker"] * kills + ["node", "driver"]
    rng.shuffle(events)
    driver = subprocess.Popen(command)
    for number, event in enumerate(events, 1):
        due = first + units * (number - rng.random()) / (len(events) + 1)
        while ledger(port)["requests"] < due and driver.poll() is None:
            time.sleep(0.05)
        if driver.poll() is not None:
            break
        if event == "worker" and (alive := busy_workers()):
            moments.append(killed(rng.choice(alive)))
        elif event == "node":
            moments.append(cluster.kill_node())
        elif event == "driver":
            sent = time.monotonic()
            driver.kill()
            driver.wait()
            # Ray ends the workers of a driver that is gone.
            while busy_workers():
                time.sleep(0.05)
            moments.append(Kill(sent, time.monotonic()))
            driver = subprocess.Popen(command)
    assert driver.wait() == 0
    return moments


def main(units: int, kills: int, seed: int, median: float, shard: int) -> bool:
    rng, samples = random.Random(seed), SAMPLES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(median=median, sigma=0.8) as port:
            calm = write(folder, port, prompts=units // samples, out="calm")
            for command in ("collect", "generate"):
                rlaif(command, calm)
            wild, quiet = (write(folder, port, prompts=units // samples, out=out) for out in ("wild", "quiet"))
            for out in ("wild", "quiet"):
                shutil.copytree(folder / "calm", folder / out)
            before = ledger(port)["requests"]
            started = time.monotonic()
            rlaif("judge", calm)
            alone = time.monotonic() - started
            assert ledger(port)["requests"] - before == units
        cluster = Cluster()
        try:
            # Servers at the same address, which is part of the model's identity; each has a new ledger.
            with serving(at=port, median=median, sigma=0.8):
                rlaif("pending", quiet, "--stage", "judge", "--to", folder / "q", "--shard", shard)
                started = time.monotonic()
                rlaif("work", folder / "q", "--engine", "ray", "--address", cluster.address, "--workers", NODES)
                calmly = time.monotonic() - started
            with serving(at=port, median=median, sigma=0.8):
                rlaif("pending", wild, "--stage", "judge", "--to", folder / "w", "--shard", shard)
                started = time.monotonic()
                moments = work(folder / "w", cluster, kills, rng, port, units)
                wildly = time.monotonic() - started
                log = ledger(port)
        finally:
            cluster.close()
        started = time.monotonic()
        rlaif("ingest", wild, folder / "w")
        ingested = time.monotonic() - started
        for file in (calm, wild):
            rlaif("pair", file)
        equal = facts(folder / "calm") == facts(folder / "wild")
        count = len(facts(folder / "wild")["verdicts"])
    unanswered, ages = asked_again(log["rows"], moments)
    most = IN_FLIGHT * (len(moments) + NODES - 1)
    table(
        f"{units:,} judgements, {len(moments)} kills, median {median * 1000:.0f} ms, {NODES} nodes",
        [
            ["", "result"],
            ["stored judgements", f"{count:,}"],
            ["requests in all", f"{log['requests']:,}"],
            ["asked twice: without an answer at a kill", f"{unanswered:,}"],
            ["asked twice: answered and not yet durable", f"{len(ages):,}"],
            ["units in flight at the kills, at most", f"{most:,}"],
            ["single process", f"{alone:.1f} s"],
            ["on Ray, without kills", f"{calmly:.1f} s"],
            ["on Ray, with kills", f"{wildly:.1f} s"],
            ["ingest", f"{ingested:.1f} s"],
        ],
    )
    print(f"oldest answer that was not durable: {max(ages, default=0.0):.2f} s")
    print(f"results equal to the byte: {equal}")
    again = int(log["requests"]) - units
    return equal and again == unanswered + len(ages) <= most and count == units and len(moments) == kills + 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--median", type=float, default=0.2)
    parser.add_argument("--shard", type=int, default=100)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.units, arguments.kills, arguments.seed, arguments.median, arguments.shard))
