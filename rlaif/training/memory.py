"""Estimate the memory that a training needs on each GPU, from the checkpoint's files alone.

Per parameter that is trained, mixed-precision Adam needs 16 bytes: weights, gradients and the optimizer's state (Rajbhandari
et al. 2020, arXiv 1910.02054, section 3.1). FSDP2 and ZeRO-3 divide all of them by the number of GPUs, ZeRO-2 the gradients
and the state. Frozen weights of LoRA and of a reference model that stays in memory count alone. With checkpointing,
activations are the input of each layer and those inside one layer: 34 bytes per token and hidden unit, without the attention
matrix (Korthikanti et al. 2022, arXiv 2205.05198, equation 1). Trainers without TRL's fused head also hold the logits.
"""

import json
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Final

from rlaif.config import REFERRING, Train
from rlaif.training.methods import METHODS
from rlaif.training.profiles import PROFILES, Setup

# Bytes per parameter by sharing: (weights, gradients, optimizer). TRL loads weights in float32 and computes in bfloat16;
# DeepSpeed keeps bfloat16 weights and gradients, and a float32 copy with the optimizer.
_FLOAT32: Final = (4, 4, 8)
_DEEPSPEED: Final = (2, 2, 12)
# TRL's default, and bytes of one activation and of one logit with its gradient.
BATCH: Final = 8
_ACTIVATION, _LOGIT, _LAYER = 2, 8, 34
# Methods whose trainers compute log-probabilities without holding all logits.
_FUSED: Final = ("dpo", "dpo_soft", "dpo_norm", "ipo", "apo", "sft", "kto")
# What the CUDA context, NCCL's buffers and fragmentation take.
_SPARE: Final = 2e9
GB: Final = 1e9


@dataclass(frozen=True)
class Shape:
    """The size of a checkpoint. `sides` is the sum of both sides of all matrices in its layers, for LoRA."""

    parameters: int
    layers: int
    hidden: int
    vocabulary: int
    context: int
    sides: int


@dataclass(frozen=True)
class Need:
    """The bytes on each GPU."""

    weights: float
    gradients: float
    optimizer: float
    reference: float
    activations: float

    @property
    def total(self) -> float:
        return self.weights + self.gradients + self.optimizer + self.reference + self.activations + _SPARE

    def __str__(self) -> str:
        parts = {name: getattr(self, name) for name in ("weights", "gradients", "optimizer", "reference", "activations")} | {
            "other": _SPARE
        }
        listed = ", ".join(f"{name} {size / GB:.1f}" for name, size in parts.items() if size)
        return f"{self.total / GB:.1f} GB ({listed})"


def shape_of(folder: Path) -> Shape:
    """Return the size of a checkpoint from the headers of its weights and its configuration."""
    shapes = [shape for file in sorted(folder.glob("*.safetensors")) for shape in _shapes(file)]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = config.get("text_config") or config
    first = {name: next((int(config[each]) for each in names if config.get(each)), 0) for name, names in _NAMES.items()}
    vocabulary = int(config.get("vocab_size", 0))
    inner = [shape for shape in shapes if len(shape) == 2 and vocabulary not in shape]
    return Shape(parameters=sum(map(prod, shapes)), vocabulary=vocabulary, sides=sum(sum(shape) for shape in inner), **first)


# The names of a size in the configurations of different architectures.
_NAMES: Final = {
    "layers": ("num_hidden_layers", "n_layer"),
    "hidden": ("hidden_size", "n_embd"),
    "context": ("max_position_embeddings", "n_positions"),
}


def _shapes(file: Path) -> list[list[int]]:
    with file.open("rb") as stream:
        header: dict[str, Any] = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return [tensor["shape"] for name, tensor in header.items() if name != "__metadata__"]


def need(section: Train, shape: Shape, setup: Setup) -> Need:
    """Estimate the memory on each GPU for the training's method, options and LoRA."""
    options, parts = section.options, setup.processes
    trained, frozen = shape.parameters, 0
    if section.peft:
        # An upper bound: PEFT adapts some of the matrices unless target_modules is all-linear.
        trained, frozen = int(section.peft.get("r", 8)) * shape.sides, shape.parameters
    weights, gradients, optimizer = _DEEPSPEED if setup.profile.startswith("zero") else _FLOAT32
    whole = 1 if not setup.shards else parts
    rest = parts if setup.profile in ("fsdp2", "zero2", "zero3") else 1
    kept = section.method in REFERRING and options.get("precompute_ref_log_probs") is False and not section.peft
    return Need(
        weights=weights * (trained + frozen) / whole,
        gradients=gradients * trained / rest,
        optimizer=optimizer * trained / rest,
        reference=weights * shape.parameters / whole if kept else 0.0,
        activations=_activations(section, shape),
    )


def _activations(section: Train, shape: Shape) -> float:
    options = section.options
    sides = 1 if section.method in ("sft", *(name for name, each in METHODS.items() if each.samples)) else 2
    rows = int(options.get("per_device_train_batch_size") or BATCH) * sides
    tokens = rows * int(options.get("max_length") or shape.context or 1024)
    saved = options.get("gradient_checkpointing", True)
    inside = (shape.layers * _ACTIVATION + _LAYER) if saved else shape.layers * _LAYER
    logits = 0 if section.method in _FUSED else _LOGIT * tokens * shape.vocabulary
    return float(tokens * shape.hidden * inside + logits)


def advice(section: Train, shape: Shape, setup: Setup, limit: float) -> list[str]:
    """Return lines about the need and, if it is above `limit` bytes, about what exceeds it and which changes would fit."""
    found = need(section, shape, setup)
    each = f"each of {setup.processes} GPUs" if setup.processes > 1 else "the GPU"
    lines = [f"Estimated memory of {each}: {found} of {limit / GB:.0f} GB."]
    if found.total <= limit:
        return lines
    states = found.weights + found.gradients + found.optimizer + found.reference
    what = "the model's states" if states + _SPARE > limit else "the activations"
    lines.append(f"It does not fit: {what} take {(states if what[4] == 'm' else found.activations) / GB:.1f} GB.")
    others = {
        f"--profile {profile}": (section, replace(setup, profile=profile))
        for profile in PROFILES[1:]
        if profile != setup.profile and setup.processes > 1
    }
    one = {"per_device_train_batch_size": 1}
    others |= {
        "train.options.per_device_train_batch_size: 1": (
            section.model_copy(update={"options": section.options | one}),
            setup,
        )
    }
    if not section.peft and not setup.shards:
        others |= {"train.peft: {r: 16}": (section.model_copy(update={"peft": {"r": 16}}), setup)}
    fits = [name for name, (changed, where) in others.items() if need(changed, shape, where).total <= limit]
    return [*lines, f"By the same estimate, this would fit: {', or '.join(fits)}." if fits else "Use more or larger GPUs."]
