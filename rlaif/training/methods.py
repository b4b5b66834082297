"""Define the training methods, and convert the options of a pipeline file into TRL's configuration."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rlaif.config import Train, TransformersModel
from rlaif.config.yaml import Place, YamlFile
from rlaif.core.errors import InputError
from rlaif.training import dpo_sft, dpo_soft, online_dpo
from rlaif.training import pretokenized as tokenised
from rlaif.training.formats import Row, as_they_are, demonstrations, preferences, unpaired, with_margins
from rlaif.training.formats import soft as soft_rows
from rlaif.training.option_check import class_options, refuse
from rlaif.training.trl_loader import trl_class


@dataclass(frozen=True)
class Method:
    """A training method: its trainer class, the name of its configuration class, the rows that it reads, and defaults."""

    trainer: Callable[[], Any]
    config: str
    rows: Callable[[Sequence[Row]], list[Row]]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """The options that make the method what it is, so that a pipeline file cannot set them."""
    samples: bool = False
    """Whether the method samples answers during training, so that it reads prompts and needs rewards."""
    tokenised: bool = False
    """Whether the trainer takes the tokens from the pre-flight check."""
    reads_tools: bool = True
    """Whether the trainer passes a row's `tools` to the chat template."""
    length: str = "max_completion_length"
    """The name of the option that limits the tokens of a sampled response."""


# More than one epoch of DPO hurts more than any other setting (Tülu 3, table 18). The reference is the model that training
# starts from; its log-probabilities are precomputed, so it is not kept in memory.
PREFERENCE = {"num_train_epochs": 1, "precompute_ref_log_probs": True}
# The weight of the KL penalty in the GRPO paper (Shao et al. 2024); TRL's default is no penalty.
PENALTY = 0.04

CPO = "experimental.cpo.CPOConfig"

METHODS: Mapping[str, Method] = {
    "dpo": Method(tokenised.trainer, "DPOConfig", preferences, PREFERENCE, tokenised=True),
    "dpo_soft": Method(dpo_soft.trainer, "DPOConfig", soft_rows, PREFERENCE, tokenised=True),
    "dpo_sft": Method(dpo_sft.trainer, "DPOConfig", preferences, PREFERENCE, tokenised=True),
    # Tülu 3, table 18 (Lambert et al. 2024, arXiv 2411.15124): DPO with log-probabilities divided by the response's length.
    "dpo_norm": Method(
        tokenised.trainer,
        "DPOConfig",
        preferences,
        PREFERENCE | {"beta": 5.0, "learning_rate": 5e-7},
        {"loss_type": ["sigmoid_norm"]},
        tokenised=True,
    ),
    # Azar et al. 2023, arXiv 2310.12036; beta is the paper's tau.
    "ipo": Method(tokenised.trainer, "DPOConfig", preferences, PREFERENCE, {"loss_type": ["ipo"]}, tokenised=True),
    # D'Oosterlinck et al. 2024, arXiv 2408.06266, for chosen responses that are better than the model's own; with the
    # settings of SmolLM3.
    "apo": Method(
        tokenised.trainer, "DPOConfig", preferences, PREFERENCE | {"beta": 0.05}, {"loss_type": ["apo_zero"]}, tokenised=True
    ),
    "sft": Method(partial(trl_class, "SFTTrainer"), "SFTConfig", demonstrations, {"completion_only_loss": True}),
    "kto": Method(partial(trl_class, "KTOTrainer"), "KTOConfig", unpaired, PREFERENCE),
    "orpo": Method(
        partial(trl_class, "experimental.orpo.ORPOTrainer"),
        "experimental.orpo.ORPOConfig",
        preferences,
        {"remove_unused_columns": False},
        reads_tools=False,
    ),
    # Xu et al. 2024, arXiv 2401.08417.
    "cpo": Method(
        partial(trl_class, "experimental.cpo.CPOTrainer"), CPO, preferences, {"num_train_epochs": 1}, reads_tools=False
    ),
    # Meng et al. 2024, arXiv 2405.14734: beta from 2 to 10, gamma / beta from 0.1 to 0.8.
    "simpo": Method(
        partial(trl_class, "experimental.cpo.CPOTrainer"),
        CPO,
        preferences,
        {"num_train_epochs": 1, "beta": 2.0, "simpo_gamma": 1.0, "learning_rate": 5e-7},
        {"loss_type": "simpo", "cpo_alpha": 0.0},
        reads_tools=False,
    ),
    "reward": Method(partial(trl_class, "RewardTrainer"), "RewardConfig", with_margins),
    "rloo": Method(partial(trl_class, "RLOOTrainer"), "RLOOConfig", as_they_are, samples=True),
    "grpo": Method(partial(trl_class, "GRPOTrainer"), "GRPOConfig", as_they_are, {"beta": PENALTY}, samples=True),
    # Guo et al. 2024, arXiv 2402.04792.
    "online_dpo": Method(
        online_dpo.trainer,
        "experimental.online_dpo.OnlineDPOConfig",
        as_they_are,
        samples=True,
        length="max_new_tokens",
    ),
}

LORA = "peft.LoraConfig"
CLASSES = (*sorted({f"trl.{method.config}" for method in METHODS.values()}), LORA)

DEFAULTS: Mapping[str, Any] = {
    "logging_steps": 1,
    # Otherwise, the last good value would be logged instead of a loss that is not a number.
    "logging_nan_inf_filter": False,
    "save_strategy": "steps",
    # A killed training loses at most a tenth, or a minute (see `monitoring`). Two checkpoints are kept, because a kill may
    # interrupt the writing of one.
    "save_steps": 0.1,
    "save_total_limit": 2,
    "report_to": "none",
    "disable_tqdm": True,
}


def check(section: Train, file: YamlFile) -> None:
    """Raise InputError for options that TRL or PEFT do not have, without importing them into this process."""
    method = METHODS[section.method]
    for name in method.fixed.keys() & section.options.keys():
        raise InputError(
            f"method {section.method} sets {name} itself",
            where=file.where(("train", "options", name)),
            fix=f"Remove it, or use `method: {'cpo' if method.config == CPO else 'dpo'}`.",
        )
    rewards: list[tuple[Place, Mapping[str, Any]]] = [
        (("train", "rewards", place, "fit"), each.fit) for place, each in enumerate(section.rewards) if each.fit
    ]
    if not (section.options or section.peft or rewards):
        return
    known = class_options(CLASSES)
    elsewhere = {option: name for name in reversed(list(METHODS)) for option in known.get(f"trl.{METHODS[name].config}", ())}
    for place, options, name, other in (
        (("train", "options"), section.options, f"trl.{method.config}", elsewhere),
        (("train", "peft"), section.peft, LORA, {}),
        *((place, fit, f"trl.{METHODS['reward'].config}", {}) for place, fit in rewards),
    ):
        if name in known:
            refuse(options, known[name], name.rpartition(".")[2], file, place, other)


def configure(
    section: Train, base: TransformersModel, folder: Path, file: YamlFile, sampling: Mapping[str, Any] | None = None
) -> Any:
    """Return TRL's configuration for a training whose checkpoints go into `folder`.

    Raises InputError, with the option's line, for an option that TRL does not have or whose value it refuses.
    """
    method = METHODS[section.method]
    config = trl_class(method.config)
    known = {option.name: option.default for option in dataclasses.fields(config) if option.init}
    refuse(section.options, known, config.__name__, file, ("train", "options"))
    device = {name: value for name, value in _device_settings(base).items() if name in known}
    settings = {**DEFAULTS, **method.defaults, **(sampling or {}), **device, **section.options, **method.fixed}
    # Weights in other formats than safetensors are pickles, which can run code.
    model = {"revision": base.revision, **(section.options.get("model_init_kwargs") or {}), "use_safetensors": True}
    try:
        return config(
            **settings | {"model_init_kwargs": model},
            output_dir=str(folder),
            seed=section.seed,
            data_seed=section.seed,
            trust_remote_code=base.trust_remote_code,
        )
    except (ValueError, TypeError, ImportError) as error:
        raise InputError(f"{config.__name__} refuses this: {error}", where=file.where(("train", "options"))) from error


def _device_settings(base: TransformersModel) -> dict[str, Any]:
    """Return settings that depend on the machine and not on the training: precision, and memory versus time."""
    import torch

    cuda = torch.cuda.is_available() and base.device in ("auto", "cuda")
    mps = torch.backends.mps.is_available() and base.device in ("auto", "mps")
    return {
        "use_cpu": not (cuda or mps),
        "bf16": cuda and torch.cuda.is_bf16_supported(),
        "gradient_checkpointing": cuda or mps,
        "dataloader_pin_memory": cuda,
    }
