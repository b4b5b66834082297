"""Find the keys of a pipeline file that can run other people's code, or reach the network or unnamed files.

All of them are refused unless the user passes `--allow-code`: a pipeline from a stranger is data. For a library with many
dangerous options (vLLM), the harmless ones are listed; for libraries with few (TRL, transformers, PEFT), the dangerous ones.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlaif.config.code_options import (
    ATTENTION,
    BACKENDS,
    CHECKPOINT,
    GROUPS,
    INITIAL,
    LOADS,
    MODEL_FREE,
    NUMBERS,
    OPTIMIZERS,
    PEFT,
    REPORTS,
    TRAIN,
    TRAIN_PREFIXES,
    VLLM_FREE,
    VLLM_VALUES,
    WORDS,
)
from rlaif.config.models import TransformersModel, VllmModel
from rlaif.config.pipeline import Pipeline
from rlaif.config.training import Train
from rlaif.config.yaml import Place, YamlFile
from rlaif.core.errors import InputError

Found = tuple[Place, str]


def refuse_code(pipeline: Pipeline, file: YamlFile) -> None:
    """Raise InputError at the first key that needs `--allow-code`."""
    for place, why in needs(pipeline):
        raise InputError(
            f"{place[-1]} {why}",
            where=file.where(place),
            fix="If you trust this pipeline as you trust a program, run it with --allow-code. Otherwise remove the key.",
        )


def needs(pipeline: Pipeline) -> Iterator[Found]:
    """Yield every key of the file that needs `--allow-code`, and why."""
    for name, model in pipeline.models.items():
        if isinstance(model, TransformersModel) and model.trust_remote_code:
            yield ("models", name, "trust_remote_code"), CHECKPOINT
        if isinstance(model, VllmModel):
            for option, why in _of_vllm(model.options):
                yield ("models", name, "options", option), why
    if pipeline.train:
        for place, why in needs_code(pipeline.train):
            yield ("train", *place), why
    for at, task in enumerate(pipeline.evaluate.harness if pipeline.evaluate else ()):
        if not re.fullmatch(r"[A-Za-z0-9_]+([-.][A-Za-z0-9_]+)*", task) or task.endswith((".yaml", ".yml", ".py", ".json")):
            yield ("evaluate", "harness", at), "names a file, and the files of harness tasks can run code"


def needs_code(train: Train, models: Sequence[TransformersModel] = ()) -> Iterator[Found]:
    """Yield every key of a `train` section and of its models that needs `--allow-code`, and why."""
    given: list[tuple[Place, Iterator[tuple[str, str]]]] = [
        (("options",), of_training(train.options)),
        (("peft",), of_peft(train.peft)),
        *((("rewards", at, "fit"), of_training(each.fit or {})) for at, each in enumerate(train.rewards)),
    ]
    for place, found in given:
        for option, why in found:
            yield (*place, option), why
    for model in models:
        if model.trust_remote_code:
            yield ("trust_remote_code",), CHECKPOINT


def _of_vllm(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in options.items():
        plain = name.replace("-", "_")
        allowed = VLLM_VALUES.get(plain)
        if plain not in VLLM_FREE or (allowed and str(value) not in allowed):
            yield name, "is not one of the vLLM options that are known to be harmless"
        elif not _is_plain(value):
            yield name, "has a value that names a file, an address or a group of options"


def of_training(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options of TRL's configuration classes that need `--allow-code`, and why."""
    for name, value in options.items():
        prefix = next((why for start, why in TRAIN_PREFIXES.items() if name.startswith(start)), None)
        if (why := TRAIN.get(name) or prefix) and not _harmless(name, value):
            yield name, why
        elif not why and not WORDS.fullmatch(name) and _reaches(value):
            yield name, "has a value that names a file or an address"


def of_peft(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options of PEFT's LoraConfig that need `--allow-code`, and why."""
    for name, value in options.items():
        if name in PEFT and value is not None:
            yield name, PEFT[name]
        elif (
            name == "init_lora_weights"
            and isinstance(value, str)
            and not re.fullmatch("|".join(INITIAL) + r"|pissa_niter_\d+", value)
        ):
            yield name, LOADS


def _harmless(name: str, value: Any) -> bool:
    """Return whether a potentially dangerous option is harmless with this value."""
    if value is None or value is False or value in ("", [], {}):
        return True
    if name == "report_to":
        return all(isinstance(each, str) and each in REPORTS for each in (value if isinstance(value, list) else [value]))
    if name in ("run_name", "project"):
        # These are names for experiment trackers, which are off; without one they are only written to a file.
        return isinstance(value, str) and _is_plain(value)
    if name == "optim":
        return isinstance(value, str) and bool(OPTIMIZERS.fullmatch(value))
    if name == "optim_args":
        return isinstance(value, str) and bool(NUMBERS.fullmatch(value))
    if name == "torch_compile_backend":
        return value in ("inductor", "eager", "aot_eager", "cudagraphs")
    if name == "cache_implementation":
        return value in ("static", "dynamic", "sliding_window", "offloaded", "offloaded_static", "hybrid", "quantized")
    if name == "debug":
        return all(word in ("", "underflow_overflow", "tpu_metrics_debug") for word in str(value).split())
    if name in ("ddp_backend", "fsdp", "vllm_model_impl", "vllm_mode"):
        return str(value) in BACKENDS
    if name == "model_init_kwargs":
        return isinstance(value, Mapping) and all(
            (each in MODEL_FREE and _is_plain(given))
            or (each == "attn_implementation" and given in ATTENTION)
            or (each == "trust_remote_code" and given is False)
            for each, given in value.items()
        )
    if name in GROUPS:
        return isinstance(value, Mapping) and set(value) <= GROUPS[name] and not _reaches(value)
    return name.startswith("hub_strategy") or name == "hub_private_repo"


def _is_plain(value: Any) -> bool:
    """Return whether a value is a number, a boolean, a word that names no file or address, or a list of these."""
    if isinstance(value, str):
        # No leading dash: the command line would take the word for an option.
        return bool(re.fullmatch(r"\w[\w.,:+ -]*", value)) and "--" not in value and not _reaches(value)
    if isinstance(value, list):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, bool | int | float)


def _reaches(value: Any) -> bool:
    """Return whether a string in the value looks like a path or an address."""
    if isinstance(value, str):
        return bool(re.search(r"[/\\~{}$`]|://|\.\.|\.(json|ya?ml|py|bin|pt|pth|pkl|so|jinja)$", value))
    if isinstance(value, Mapping):
        return any(_reaches(each) for each in value.values())
    return isinstance(value, Sequence) and any(_reaches(each) for each in value)
