"""Lists the options of vLLM, TRL, transformers and PEFT that can run code, reach the network or open unnamed files."""

import re
from collections.abc import Mapping
from typing import Final

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
TRAIN: Final[Mapping[str, str]] = {
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
TRAIN_PREFIXES: Final[Mapping[str, str]] = {
    "hub_": SENDS,
    "push_to_hub": SENDS,
    "trackio_": SENDS,
    "wandb": SENDS,
    "swanlab": SENDS,
    "vllm_server_": CONNECTS,
    "teacher_": LOADS,
}
# Options whose values are tokens of a vocabulary or patterns, which may look like anything.
WORDS: Final = re.compile(r"\w+_token|vllm_structured_outputs_regex|optim_target_modules|padding_value|dataset_text_field")
# Harmless values of the options above.
NUMBERS: Final = re.compile(r"[\w. ,=+-]*")
REPORTS: Final = frozenset({"none", "tensorboard"})
OPTIMIZERS: Final = re.compile(
    r"adamw_torch(_fused|_npu_fused|_xla|_4bit|_8bit)?|adamw_apex_fused|adafactor|sgd|adagrad|"
    r"(adamw|lion|paged_adamw|paged_lion|rmsprop|ademamix|paged_ademamix)(_bnb)?(_32bit|_8bit)?"
)
BACKENDS: Final = frozenset(
    {"nccl", "gloo", "mpi", "ccl", "hccl", "cncl", "mccl", "full_shard", "shard_grad_op", "vllm", "colocate"}
)
ATTENTION: Final = frozenset({"eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"})
INITIAL: Final = frozenset({"gaussian", "pissa", "olora", "orthogonal", "eva", "loftq", "corda", "lora_ga"})
MODEL_FREE: Final = frozenset({"dtype", "torch_dtype", "device_map", "low_cpu_mem_usage", "use_cache", "revision"})
# Options that hold groups of settings, with the settings in each that are harmless.
GROUPS: Final[Mapping[str, frozenset[str]]] = {
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
PEFT: Final[Mapping[str, str]] = dict.fromkeys(
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
