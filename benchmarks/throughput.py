"""Compare training by rlaif with TRL's script: DPO of the tiny writer on the same rows with the same options.

python -m benchmarks.throughput        512 pairs, 2 epochs, medians of interleaved rounds; limit: no slower than the script

Whole processes are timed, imports included, and the training alone: rlaif's steps and checkpoints, TRL's `train_runtime`.
The steady rate is the cost of additional pairs, from whole processes at this size and at three times this size. rlaif also
checks every row first, and after the first minute writes checkpoints from which it can resume exactly; the script writes
none.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.job import table
from rlaif.demo.world import case, layout
from tools.train_demo_models import corpus

WRITER = Path(corpus.__file__).parent / "writer"
OPTIONS = {
    "learning_rate": 1e-4,
    "beta": 0.1,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 16,
    "max_length": 256,
    "precompute_ref_log_probs": True,
    "logging_steps": 1,
    "report_to": "none",
    "gradient_checkpointing": False,
}
# The factor of the larger size, which gives the steady rate: start-up and shutdown costs cancel out.
LARGER = 3
PIPELINE = """
name: throughput
out: {out}
models: {{writer: {{kind: transformers, path: "tiny:writer", device: cpu}}}}
collect:
  held_out: 0
  sources:
    - {{path: {rows}, preferences: {{judge: known, chosen: chosen, rejected: rejected}}}}
pair: {{judge: known, strategy: votes}}
train: {{method: dpo, model: writer, options: {options}}}
"""


def write(folder: Path, pairs: int) -> None:
    """Write rows of a request, the right answer and a wrong one, for both, and rlaif's pipeline."""
    rng = random.Random("throughput")
    with (folder / "train.jsonl").open("w") as ours, (folder / "trl" / "train.jsonl").open("w") as theirs:
        for _ in range(pairs):
            drawn = case(rng)
            fields = rng.sample(list(drawn.facts), 3)
            prompt = f"{drawn.document}\nSay {', '.join(fields)}."
            chosen, rejected = (
                layout([(name, drawn.facts[name]) for name in some], "line") for some in (fields, fields[:1])
            )
            ours.write(json.dumps({"prompt": prompt, "chosen": chosen, "rejected": rejected}) + "\n")
            sides = {"prompt": ("user", prompt), "chosen": ("assistant", chosen), "rejected": ("assistant", rejected)}
            row = {name: [{"role": role, "content": text}] for name, (role, text) in sides.items()}
            theirs.write(json.dumps(row) + "\n")


def rlaif(folder: Path, turn: int) -> tuple[float, float]:
    """Return the seconds of rlaif's process and of its `train` stage."""
    out = folder / f"rlaif{turn}"
    path = folder / f"rlaif{turn}.yaml"
    path.write_text(PIPELINE.format(out=out, rows=folder / "train.jsonl", options=json.dumps(OPTIONS)))
    command = Path(sys.executable).parent / "rlaif"
    for verb in ("collect", "pair"):
        subprocess.run([command, verb, path, "--quiet"], check=True, capture_output=True)
    started = time.monotonic()
    subprocess.run([command, "train", path, "--quiet"], check=True, capture_output=True)
    whole = time.monotonic() - started
    told = subprocess.run(
        [command, "sql", path, "SELECT seconds FROM stage_runs WHERE stage = 'train'", "--json"],
        check=True,
        capture_output=True,
    )
    return whole, float(json.loads(told.stdout)[0]["seconds"])


def script(folder: Path, turn: int) -> tuple[float, float]:
    """Return the seconds of TRL's script and of its training."""
    options = {
        "model_name_or_path": WRITER,
        "dataset_name": folder / "trl",
        "output_dir": folder / f"trl{turn}",
        "use_cpu": True,
        "bf16": False,
        "dtype": "float32",
        "save_strategy": "no",
        **OPTIONS,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "trl.scripts.dpo", *words],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / f"cache{turn}")},
    )
    whole = time.monotonic() - started
    found = re.search(r"'train_runtime': '?([\d.]+)", done.stdout + done.stderr)
    assert found, done.stdout[-2000:]
    return whole, float(found[1])


def medians(pairs: int, rounds: int) -> list[list[float]]:
    """Return, for rlaif and for the script, the median seconds of the process and of the training, in interleaved rounds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "trl").mkdir()
        write(folder, pairs)
        runs = [(rlaif(folder, turn), script(folder, turn)) for turn in range(rounds)]
    return [[median(run[side][part] for run in runs) for part in (0, 1)] for side in (0, 1)]


def main(pairs: int, rounds: int) -> bool:
    (ours, theirs), more = medians(pairs, rounds), medians(LARGER * pairs, rounds)
    count = pairs * OPTIONS["num_train_epochs"]
    rows = [["", "process, s", "training, s", "pairs/s", "steady pairs/s"]]
    for label, (whole, alone), (larger, _) in zip(("rlaif train", "TRL's script"), (ours, theirs), more, strict=True):
        steady = (LARGER - 1) * count / (larger - whole)
        rows.append([label, f"{whole:.1f}", f"{alone:.1f}", f"{count / whole:.1f}", f"{steady:.1f}"])
    table(f"DPO of the tiny writer on {pairs} pairs, {OPTIONS['num_train_epochs']} epochs, median of {rounds}", rows)
    print(f"rlaif's throughput to the script's, whole processes: {theirs[0] / ours[0]:.2f} (limit 1.0)")
    return ours[0] <= theirs[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sys.exit(not main(arguments.pairs, arguments.rounds))
