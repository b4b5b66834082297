"""Train on several GPUs or machines with `accelerate`: write a folder with everything it needs, and train from it.

`prepare` writes the folder; `accelerate launch --config_file DIR/accelerate.yaml -m rlaif.training.accelerate DIR` trains
with the same code as `rlaif train` and leaves the model in the folder, named after the training's key. The machines need
only the folder and the base model. Methods that sample responses are not supported, because their rewards come from the
pipeline's judges, whose verdicts a single process stores.
"""

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlaif.core.plugins import leave_out_working_directory

if __name__ == "__main__":
    leave_out_working_directory()

from rlaif.config import Train, TransformersModel
from rlaif.config.code import needs_code
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError, RlaifError
from rlaif.core.progress import Tally, progress
from rlaif.training import profiles
from rlaif.training.checkpoints import first
from rlaif.training.formats import Row
from rlaif.training.trainer import TrainingData, fit

JOB, ROWS, DATA = "job.json", "rows.jsonl", "data.jsonl"
ALLOW = "--allow-code"


def prepare(
    folder: Path, key: str, section: Train, base: TransformersModel, lesson: TrainingData, setup: profiles.Setup
) -> str:
    """Write the folder, and return the command that trains in it."""
    folder.mkdir(parents=True, exist_ok=True)
    job = {
        "key": key,
        "train": section.model_dump(mode="json"),
        "base": base.model_dump(mode="json"),
        "reference": lesson.reference and lesson.reference.model_dump(mode="json"),
        "refused": lesson.refused,
    }
    (folder / JOB).write_text(json.dumps(job, indent=1), encoding="utf-8")
    _write(folder / ROWS, lesson.rows)
    _write(folder / DATA, lesson.imitated)
    # The user who prepared the folder has allowed the code; a user who received it from a stranger has not.
    models = [base, *([lesson.reference] if lesson.reference else [])]
    allow = [ALLOW] if any(needs_code(section, models)) else []
    profiles.write(folder, setup, " ".join(allow))
    if setup.nodes > 1:
        return f"cd {shlex.quote(str(folder))} && sbatch {profiles.SLURM}"
    words = ["accelerate", "launch", "--config_file", str(folder / profiles.CONFIG), "-m", "rlaif.training.accelerate"]
    return shlex.join([*words, str(folder), *allow])


def prepared_key(folder: Path) -> str:
    """Return the key of the training that was prepared in the folder. Raises InputError if none was."""
    try:
        return str(json.loads((folder / JOB).read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"not a folder that `rlaif train --prepare` wrote: {error}", where=str(folder)) from None


def run(folder: Path, *, allow_code: bool = False) -> Path:
    """Start or continue the training that was prepared in the folder, and return the path of the trained model.

    Raises InputError for a folder that rlaif did not prepare, or that needs `allow_code`.
    """
    try:
        job = json.loads((folder / JOB).read_text(encoding="utf-8"))
        section, base = Train(**job["train"]), TransformersModel(**job["base"])
        reference = job["reference"] and TransformersModel(**job["reference"])
        key = str(job["key"])
        lesson = TrainingData(_read(folder / ROWS), _read(folder / DATA), reference=reference, refused=job["refused"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"not a folder that `rlaif train --prepare` wrote: {error}", where=str(folder)) from None
    if not re.fullmatch(r"\w+", key):
        raise InputError(f"the key {key!r} is not one of a training", where=str(folder / JOB))
    if not allow_code:
        for place, why in needs_code(section, [base, *([reference] if reference else [])]):
            raise InputError(
                f"{place[-1]} {why}", where=str(folder / JOB), fix=f"Add {ALLOW} if you trust it as you trust a program."
            )
    _need_gpus(folder)
    target = folder / key
    if target.exists():
        return target
    file = YamlFile(folder / JOB, {}, {})
    display, tally = progress(quiet=not first()), Tally("train")
    with display.show(tally):
        fit(section, base, lesson, target, file, tally, display.note)
    return target


def _need_gpus(folder: Path) -> None:
    """Raise InputError if a profile divides weights and no GPU is here.

    On CPUs, accelerate would divide nothing, and the processes would start from different weights.
    """
    import torch

    sharing = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED")
    if not torch.cuda.is_available() and any(os.environ.get(name, "").lower() == "true" for name in sharing):
        raise InputError(
            "FSDP and DeepSpeed need GPUs, and here are none", where=str(folder), fix="Prepare with --profile ddp."
        )


def _write(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]), allow_code=ALLOW in sys.argv[2:])
    except RlaifError as error:
        print(f"rlaif: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
