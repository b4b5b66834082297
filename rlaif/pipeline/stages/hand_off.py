"""Hand a training off to other machines: write a folder in which they train, and take the finished model into the store."""

import shutil
from pathlib import Path
from typing import Final

from rlaif.config import Train
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.pipeline.stages.train import check_data, job_of, record, section_of
from rlaif.training import accelerate, memory
from rlaif.training.job import Job, Training
from rlaif.training.methods import METHODS
from rlaif.training.profiles import Setup

# The memory of a GPU if this machine has none: that of an A100 or H100.
USUAL_MEMORY: Final = 80e9


def prepare(
    context: Context, folder: Path, pairing: str | None, setup: Setup, gpu_memory: float | None = None
) -> Training | str:
    """Write a folder in which `accelerate` trains and return the command, or return the training once it is finished.

    `pairing` is as in `train`; `gpu_memory` is the memory of one GPU in bytes. A note says whether the training fits into
    it. Raises InputError for methods that sample responses, and for LoRA with sharded weights.
    """
    section = section_of(context.config)
    _refuse(context, section, setup)
    job = job_of(context, section, pairing)
    if job.folder.exists() or (folder / job.key).exists():
        return _taken(context, job, folder)
    check_data(context, job)
    base = Path(job.base.path)
    if setup.gpus and base.is_dir():
        for line in memory.advice(section, memory.shape_of(base), setup, gpu_memory or _memory_here()):
            context.progress.note(line)
    return accelerate.prepare(folder, job.key, section, job.base, job.lesson, setup)


def take(context: Context, folder: Path, pairing: str | None) -> Training:
    """Record the model that was trained in the folder, as if it had been trained here.

    Raises InputError if it is not finished, or if it is not the training that the pipeline file describes now.
    """
    job = job_of(context, section_of(context.config), pairing)
    prepared = accelerate.prepared_key(folder)
    if prepared != job.key:
        raise InputError(
            "the training in this folder is not the one that the pipeline file describes: its pairs, its base model or "
            "its options have changed since it was prepared",
            where=str(folder),
            fix="Restore them (`--newest` takes the pairs that were made last), or prepare the training again.",
        )
    if not (job.folder.exists() or (folder / job.key).exists()):
        raise InputError("the training is not finished", where=str(folder), fix="Run `launch.sh` or `job.sbatch` in it.")
    return _taken(context, job, folder)


def _taken(context: Context, job: Job, folder: Path) -> Training:
    if not job.folder.exists():
        job.models.mkdir(exist_ok=True)
        halfway = job.folder.with_name(job.key + ".copy")
        shutil.copytree(folder / job.key, halfway, dirs_exist_ok=True)
        halfway.rename(job.folder)
    return record(context, job)


def _refuse(context: Context, section: Train, setup: Setup) -> None:
    where = context.config.file.where(("train",))
    if METHODS[section.method].samples:
        raise InputError(
            f"{section.method} asks the pipeline's judges for rewards, which one process does",
            where=where,
            fix="Train it with `rlaif train`, without --prepare.",
        )
    if setup.profile == "single" and setup.nodes > 1:
        raise InputError("profile single is one process", where=where, fix="Use --profile ddp for several nodes.")
    if not setup.gpus and setup.profile not in ("single", "ddp"):
        raise InputError(f"{setup.profile} needs GPUs", where=where, fix="Give --gpus, or use --profile ddp.")
    if section.peft and setup.shards:
        raise InputError(
            f"a LoRA adapter cannot be merged into weights that {setup.profile} has divided among GPUs",
            where=context.config.file.where(("train", "peft")),
            fix="Use --profile zero2 or ddp, or remove `peft`.",
        )


def _memory_here() -> float:
    import torch

    return float(torch.cuda.get_device_properties(0).total_memory) if torch.cuda.device_count() else USUAL_MEMORY
