"""LoRA: train a small adapter instead of all weights, and merge it into them at the end (Hu et al. 2021)."""

from typing import Any

from rlaif.config import Train
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError


def adapter(section: Train, file: YamlFile, *, reward: bool) -> Any:
    """Return PEFT's LoraConfig with the section's options. Raises InputError if PEFT is missing or refuses them."""
    where = file.where(("train", "peft"))
    try:
        from peft import LoraConfig
    except ModuleNotFoundError:
        raise InputError(
            "`peft` needs PEFT, which is not installed", where=where, fix="Install it: pip install 'rlaif[peft]'"
        ) from None
    try:
        return LoraConfig(**{"task_type": "SEQ_CLS" if reward else "CAUSAL_LM"} | section.peft)
    except (TypeError, ValueError) as error:
        fix = "`peft` holds options of PEFT's LoraConfig: {r: 16, target_modules: all-linear} is the least."
        raise InputError(f"LoraConfig refuses this: {error}", where=where, fix=fix) from error
