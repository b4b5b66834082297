"""Find the keys of a pipeline file that can run other people's code, or reach the network or unnamed files.

All of them are refused unless the user passes `--allow-code`: a pipeline from a stranger is data. For a library with many
dangerous options (vLLM), the harmless ones are listed; for libraries with few (TRL, transformers, PEFT), the dangerous ones.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rlaif.config.models import TransformersModel, VllmModel
from rlaif.config.pipeline import Pipeline
from rlaif.config.training import Train
from rlaif.config.yaml import Place, YamlFile
from rlaif.core.errors import InputError

# Options of `vllm serve` that take plain values and reach no code, file or address. vLLM also accepts abbreviations and
# JSON, so every name that is not spelled exactly like one of these is refused.
VLLM_FREE: Final = frozenset(
    {
        "api_server_count",
        "async_scheduling",
        "block_size",
        "calculate_kv_scales",
        "cpu_offload_gb",
        "cuda_graph_sizes",
        "data_parallel_backend",
        "data_parallel_size_local",
        "disable_cascade_attn",
        "disable_chunked_mm_input",
        "disable_custom_all_reduce",
        "disable_frontend_multiprocessing",
        "disable_hybrid_kv_cache_manager",
        "disable_log_stats",
        "disable_sliding_window",
        "enable_chunked_prefill",
        "enable_dbo",
        "enable_eplb",
        "enable_expert_parallel",
        "enable_log_requests",
        "enable_prefix_caching",
        "enable_prompt_tokens_details",
        "enable_return_routed_experts",
        "enable_sleep_mode",
        "enforce_eager",
        "fully_sharded_loras",
        "generation_config",
        "gpu_memory_utilization",
        "kv_cache_dtype",
        "kv_cache_memory_bytes",
        "kv_sharing_fast_prefill",
        "load_format",
        "logprobs_mode",
        "long_prefill_token_threshold",
        "max_cpu_loras",
        "max_log_len",
        "max_logprobs",
        "max_long_partial_prefills",
        "max_lora_rank",
        "max_loras",
        "max_num_batched_tokens",
        "max_num_partial_prefills",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "max_seq_len_to_capture",
        "mm_processor_cache_gb",
        "model_impl",
        "num_gpu_blocks_override",
        "num_lookahead_slots",
        "pipeline_parallel_size",
        "prefix_caching_hash_algo",
        "quantization",
        "reasoning_parser",
        "runner",
        "convert",
        "task",
        "scheduling_policy",
        "seed",
        "skip_mm_profiling",
        "skip_tokenizer_init",
        "stream_interval",
        "swap_space",
        "tokenizer_mode",
        "tool_call_parser",
        "enable_auto_tool_choice",
        "enable_force_include_usage",
        "uvicorn_log_level",
        "use_tqdm_on_load",
        "max_model_len",
        "dtype",
        "return_tokens_as_token_ids",
        "distributed_executor_backend",
    }
)
# Allowed values of plain options that have other values which load pickled weights or code.
VLLM_VALUES: Final[Mapping[str, frozenset[str]]] = {
    "load_format": frozenset({"auto", "safetensors", "dummy"}),
    "generation_config": frozenset({"auto", "vllm"}),
    "runner": frozenset({"auto", "generate", "pooling"}),
    "model_impl": frozenset({"auto", "vllm", "transformers"}),
    "tokenizer_mode": frozenset({"auto", "slow", "mistral", "hf"}),
    "distributed_executor_backend": frozenset({"mp", "ray", "uni"}),
}

# Options of TRL, transformers and PEFT that send something, load code, or read or write other files.
CHECKPOINT: Final = "runs code that the checkpoint brings"
SENDS: Final = "sends data from this machine"
LOADS: Final = "can load code or files that the pipeline does not name"
CONNECTS: Final = "connects to a server that the pipeline does not name"
_TRAIN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("push_to_hub", "report_to", "log_completions_hub_repo", "run_name", "project"), SENDS),
    **dict.fromkeys(
        (
            "deepspeed",
            "fsdp",
            "fsdp_config",
            "accelerator_config",
            "parallelism_config",
            "model_init_kwargs",
            "dataset_kwargs",
            "chat_template_path",
            "chat_template_kwargs",
            "generation_kwargs",
            "lr_scheduler_kwargs",
            "optim",
            "optim_args",
            "gradient_checkpointing_kwargs",
            "liger_kernel_config",
            "torch_compile_backend",
            "debug",
            "logging_dir",
            "tools",
            "environment_factory",
            "rollout_func",
            "teacher_model_init_kwargs",
            "vllm_model_impl",
            "logging_config",
            "transformers_continuous_batching_config",
            "trust_remote_code",
            "cache_implementation",
        ),
        LOADS,
    ),
    "ddp_backend": CONNECTS,
    "vllm_mode": CONNECTS,
}
_TRAIN_PREFIXES: Final[Mapping[str, str]] = {
    "hub_": SENDS,
    "push_to_hub": SENDS,
    "trackio_": SENDS,
    "wandb": SENDS,
    "swanlab": SENDS,
    "vllm_server_": CONNECTS,
    "teacher_": LOADS,
}
# Options whose values are tokens of a vocabulary or patterns, which may look like anything.
_WORDS: Final = re.compile(r"\w+_token|vllm_structured_outputs_regex|optim_target_modules|padding_value|dataset_text_field")
# Harmless values of the options above.
_NUMBERS: Final = re.compile(r"[\w. ,=+-]*")
_REPORTS: Final = frozenset({"none", "tensorboard"})
_OPTIMIZERS: Final = re.compile(
    r"adamw_torch(_fused|_npu_fused|_xla|_4bit|_8bit)?|adamw_apex_fused|adafactor|sgd|adagrad|"
    r"(adamw|lion|paged_adamw|paged_lion|rmsprop|ademamix|paged_ademamix)(_bnb)?(_32bit|_8bit)?"
)
_BACKENDS: Final = frozenset(
    {"nccl", "gloo", "mpi", "ccl", "hccl", "cncl", "mccl", "full_shard", "shard_grad_op", "vllm", "colocate"}
)
_ATTENTION: Final = frozenset({"eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"})
_INITIAL: Final = frozenset({"gaussian", "pissa", "olora", "orthogonal", "eva", "loftq", "corda", "lora_ga"})
_MODEL_FREE: Final = frozenset({"dtype", "torch_dtype", "device_map", "low_cpu_mem_usage", "use_cache", "revision"})
# Options that hold groups of settings, with the settings in each that are harmless.
_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "gradient_checkpointing_kwargs": frozenset({"use_reentrant", "preserve_rng_state"}),
    "accelerator_config": frozenset(
        {
            "split_batches",
            "dispatch_batches",
            "even_batches",
            "use_seedable_sampler",
            "non_blocking",
            "gradient_accumulation_kwargs",
            "use_configured_state",
        }
    ),
    "lr_scheduler_kwargs": frozenset(
        {
            "num_cycles",
            "power",
            "lr_end",
            "min_lr",
            "min_lr_rate",
            "num_decay_steps",
            "num_stable_steps",
            "decay_type",
            "min_lr_ratio",
            "timescale",
            "factor",
            "patience",
            "warmup_type",
        }
    ),
    "generation_kwargs": frozenset(
        {
            "top_k",
            "top_p",
            "min_p",
            "temperature",
            "do_sample",
            "repetition_penalty",
            "no_repeat_ngram_size",
            "typical_p",
            "min_new_tokens",
            "length_penalty",
        }
    ),
    "chat_template_kwargs": frozenset({"enable_thinking", "add_generation_prompt", "thinking", "reasoning_effort"}),
    "dataset_kwargs": frozenset({"skip_prepare_dataset", "add_special_tokens", "append_concat_token"}),
    "fsdp_config": frozenset(),
    "parallelism_config": frozenset(),
}
_PEFT: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "auto_mapping",
        "base_model_name_or_path",
        "megatron_config",
        "megatron_core",
        "revision",
        "runtime_config",
        "eva_config",
        "corda_config",
        "loftq_config",
        "lora_ga_config",
        "arrow_config",
        "monteclora_config",
        "kasa_config",
        "velora_config",
    ),
    LOADS,
)

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
        prefix = next((why for start, why in _TRAIN_PREFIXES.items() if name.startswith(start)), None)
        if (why := _TRAIN.get(name) or prefix) and not _harmless(name, value):
            yield name, why
        elif not why and not _WORDS.fullmatch(name) and _reaches(value):
            yield name, "has a value that names a file or an address"


def of_peft(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options of PEFT's LoraConfig that need `--allow-code`, and why."""
    for name, value in options.items():
        if name in _PEFT and value is not None:
            yield name, _PEFT[name]
        elif (
            name == "init_lora_weights"
            and isinstance(value, str)
            and not re.fullmatch("|".join(_INITIAL) + r"|pissa_niter_\d+", value)
        ):
            yield name, LOADS


def _harmless(name: str, value: Any) -> bool:
    """Return whether a potentially dangerous option is harmless with this value."""
    if value is None or value is False or value in ("", [], {}):
        return True
    if name == "report_to":
        return all(isinstance(each, str) and each in _REPORTS for each in (value if isinstance(value, list) else [value]))
    if name in ("run_name", "project"):
        # These are names for experiment trackers, which are off; without one they are only written to a file.
        return isinstance(value, str) and _is_plain(value)
    if name == "optim":
        return isinstance(value, str) and bool(_OPTIMIZERS.fullmatch(value))
    if name == "optim_args":
        return isinstance(value, str) and bool(_NUMBERS.fullmatch(value))
    if name == "torch_compile_backend":
        return value in ("inductor", "eager", "aot_eager", "cudagraphs")
    if name == "cache_implementation":
        return value in ("static", "dynamic", "sliding_window", "offloaded", "offloaded_static", "hybrid", "quantized")
    if name == "debug":
        return all(word in ("", "underflow_overflow", "tpu_metrics_debug") for word in str(value).split())
    if name in ("ddp_backend", "fsdp", "vllm_model_impl", "vllm_mode"):
        return str(value) in _BACKENDS
    if name == "model_init_kwargs":
        return isinstance(value, Mapping) and all(
            (each in _MODEL_FREE and _is_plain(given))
            or (each == "attn_implementation" and given in _ATTENTION)
            or (each == "trust_remote_code" and given is False)
            for each, given in value.items()
        )
    if name in _GROUPS:
        return isinstance(value, Mapping) and set(value) <= _GROUPS[name] and not _reaches(value)
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
