"""Checkpoints of a training that may be killed at any time, by one process or by several together."""

import os
import shutil
from pathlib import Path
from typing import Any

# The last thing written to a checkpoint: without it, the checkpoint was cut off in the writing.
COMPLETE = "complete"


def first() -> bool:
    """Whether this is the process, of those that train together, which writes what only one should."""
    return os.environ.get("RANK", "0") == "0"


def together() -> None:
    """Waits until all processes that train together are here."""
    import torch.distributed as processes

    if processes.is_available() and processes.is_initialized():
        processes.barrier()


def seal(checkpoint: Path) -> None:
    """Marks a checkpoint as whole, once all of it, from all processes, is on the disk."""
    together()
    if first():
        sync(checkpoint)
        (checkpoint / COMPLETE).touch()


def newest(folder: Path) -> str | None:
    """The last checkpoint that is whole."""
    whole = [marker.parent for marker in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def share_tied(model: Any) -> None:
    """Says that tied weights are saved once, as they are: a training that goes on then ties them again and misses none."""
    tied = getattr(model, "all_tied_weights_keys", {})
    model._keys_to_ignore_on_save = {*(model._keys_to_ignore_on_save or ()), *tied}


def save(trainer: Any, shape: Any, folder: Path) -> None:
    """The trained model as its base came: in that precision, with a cache, which training goes without, and in one piece."""
    if first():
        shutil.rmtree(folder, ignore_errors=True)
    together()
    if hasattr(trainer.model, "merge_and_unload"):
        trainer.model = trainer.model.merge_and_unload()
    trainer.model.to(shape.dtype or trainer.model.dtype)
    trainer.model.config.use_cache = getattr(shape, "use_cache", True)
    trainer.save_model(str(folder))
    together()
    # A pickle, which nobody should have to load.
    (folder / "training_args.bin").unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """Returns when the folder's files are on the disk, so that what is named after this is never half there."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
