"""Write and find checkpoints of a training that may be killed at any time, in one process or in several."""

import os
import shutil
from pathlib import Path
from typing import Any

from rlaif.core.files import flush_all

# The file that is written last to a checkpoint; a checkpoint without it is incomplete.
COMPLETE = "complete"


def first() -> bool:
    """Return whether this is the main process of those that train together, which writes shared files."""
    return os.environ.get("RANK", "0") == "0"


def together() -> None:
    """Wait until all processes that train together reach this point."""
    import torch.distributed as processes

    if processes.is_available() and processes.is_initialized():
        processes.barrier()


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as complete once all of it, from all processes, is on disk."""
    together()
    if first():
        flush_all(checkpoint)
        (checkpoint / COMPLETE).touch()


def newest(folder: Path) -> str | None:
    """Return the path of the last complete checkpoint; None if there is none."""
    whole = [marker.parent for marker in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return str(max(whole, key=lambda path: int(path.name.rpartition("-")[2]))) if whole else None


def share_tied(model: Any) -> None:
    """Exclude duplicates of tied weights from checkpoints, so that a resumed training ties them again without a warning."""
    tied = getattr(model, "all_tied_weights_keys", {})
    model._keys_to_ignore_on_save = {*(model._keys_to_ignore_on_save or ()), *tied}


def save(trainer: Any, shape: Any, folder: Path) -> None:
    """Save the trained model in the form of its base: in its precision, with its cache setting, and with adapters merged."""
    if first():
        shutil.rmtree(folder, ignore_errors=True)
    together()
    if hasattr(trainer.model, "merge_and_unload"):
        trainer.model = trainer.model.merge_and_unload()
    dtype, sharded = shape.dtype or trainer.model.dtype, trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if sharded:
        trainer.model.config.dtype = dtype
    else:
        trainer.model.to(dtype)
    trainer.model.config.use_cache = getattr(shape, "use_cache", True)
    trainer.save_model(str(folder))
    if sharded and first():
        cast(folder, dtype)
    together()
    # This is a pickle, which nobody should load.
    (folder / "training_args.bin").unlink(missing_ok=True)


def cast(folder: Path, dtype: Any) -> None:
    """Convert saved weights to `dtype`: weights that are divided among processes are whole only in the files."""
    from safetensors.torch import load_file, save_file

    for file in folder.glob("*.safetensors"):
        weights = {name: each.to(dtype) if each.is_floating_point() else each for name, each in load_file(file).items()}
        save_file(weights, file, metadata={"format": "pt"})
