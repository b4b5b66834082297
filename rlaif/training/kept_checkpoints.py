"""Keep the model at evenly spaced steps of its training (`train.checkpoints`), so that an evaluation can follow it."""

import math
import shutil
from pathlib import Path
from typing import Any, Final

from rlaif.config import TransformersModel
from rlaif.training.checkpoints import cast, first

# The folder of the kept checkpoints inside that of the trained model. Each one is a folder named after its step.
KEPT: Final = "steps"


def spaced(total: int, count: int) -> list[int]:
    """Return `count` evenly spaced steps up to `total`, or all of them if there are fewer."""
    return sorted({math.ceil(total * place / count) for place in range(1, count + 1)})


def keep(trainer: Any, count: int, folder: Path) -> None:
    """Make a trainer save its weights below `folder` at evenly spaced steps, without the last one."""
    from transformers import TrainerCallback

    class Keep(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step in spaced(state.max_steps, count)[:-1]:
                trainer.save_model(str(folder / str(state.global_step)))

    trainer.add_callback(Keep())


def complete(source: Path, final: Path, base: TransformersModel, dtype: Any) -> None:
    """Copy the weights below `source` into the folder of the final model, as plain checkpoints like the final one.

    They get its precision and its other files, and adapters are merged into `base`. Only the main process does this.
    """
    if not first():
        return
    others = [file for file in final.iterdir() if file.is_file() and not file.name.startswith("model")]
    for place in sorted(source.glob("*")):
        target = final / KEPT / place.name
        target.mkdir(parents=True)
        if (place / "adapter_config.json").exists():
            _merge(place, base, target)
        for file in place.glob("model*"):
            shutil.copyfile(file, target / file.name)
        cast(target, dtype)
        for file in others:
            shutil.copyfile(file, target / file.name)


def _merge(adapter: Path, base: TransformersModel, target: Path) -> None:
    """Write the base with an adapter merged into its weights, in single precision."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        base.path,
        revision=base.revision,
        use_safetensors=True,
        trust_remote_code=base.trust_remote_code,
        dtype=torch.float32,
    )
    PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().save_pretrained(target)


def find(folder: Path) -> list[tuple[int, Path]]:
    """Return the kept checkpoints of a trained model with their steps, in order and without the trained model."""
    found = [(int(place.name), place) for place in (folder / KEPT).glob("*") if place.name.isdecimal()]
    return sorted(found)
