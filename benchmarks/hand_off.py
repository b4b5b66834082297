"""Hand a training off to two gloo processes on CPUs, through the script of `rlaif train --prepare`, and take the model in.

python -m benchmarks.hand_off               DPO of a tiny random model, profile ddp

Limits: the model is taken in under the key of an ordinary training, and its weights differ from those of one process with
the same batches by less than 1e-5. accelerate runs FSDP and DeepSpeed on GPUs only, so its own parser checks those profiles
(tests/training/test_profiles.py).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.job import table
from rlaif import pipeline as running
from rlaif.training.profiles import TORCHRUN, Setup
from tests.support.checkpoints import save_random
from tests.support.training import TEMPLATE, opened, prepare

LIMIT = 1e-5
# Two processes with batches of 4 see the same rows in each step as one with batches of 8.
STEPS = "{{max_steps: 3, optim: sgd, learning_rate: 0.1, per_device_train_batch_size: {rows}}}"


def largest_difference(one: Path, other: Path) -> float:
    """Return the largest difference of two checkpoints' weights."""
    from safetensors.torch import load_file

    first, second = (load_file(path / "model.safetensors") for path in (one, other))
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def handed_off(folder: Path, checkpoint: Path) -> tuple[Path, float]:
    """Prepare, train in two processes and take the model in; return its folder and the seconds of training."""
    pipeline = prepare(folder, checkpoint, options=STEPS.format(rows=4), pairs=40)
    with opened(pipeline) as context:
        plan = running.resolve(context.config)
        running.prepare_training(plan, context, folder / "away", setup=Setup("ddp", 1, 0))
        started = time.monotonic()
        # The scripts find `torchrun` beside this interpreter.
        paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = ["bash", str(folder / "away" / TORCHRUN)]
        subprocess.run(command, check=True, env={**os.environ, "GPUS": "2", "PATH": paths, "OMP_NUM_THREADS": "1"})
        seconds = time.monotonic() - started
        taken = running.take_training(plan, context, folder / "away")
        assert taken.key == running.train(plan, context).key, "an ordinary training finds it"
    return taken.path, seconds


def main() -> bool:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        checkpoint = save_random(folder / "small", context=128, template=TEMPLATE)
        with opened(prepare(folder / "one", checkpoint, options=STEPS.format(rows=8), pairs=40)) as context:
            alone = running.train(running.resolve(context.config), context).path
        path, seconds = handed_off(folder / "two", checkpoint)
        difference, change = largest_difference(alone, path), largest_difference(checkpoint, path)
    rows = [["ddp", f"{seconds:.0f} s", f"{change:.1e}", f"{difference:.1e}"]]
    table("two gloo processes", [["profile", "time", "largest change by training", "difference from one process"], *rows])
    return difference <= LIMIT


if __name__ == "__main__":
    sys.exit(not main())
