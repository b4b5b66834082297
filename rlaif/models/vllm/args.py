"""Build the command line of vLLM's server from a `vllm` model's settings, with pure functions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rlaif.config import VllmModel

# The `vllm` script does the same but is missing its metadata, and so does not run, in vLLM's builds for CPUs.
MODULE: Final = "vllm.entrypoints.openai.api_server"
# Forces compact JSON: if white space is allowed, models may write it until the last token. Only two of vLLM's backends
# support this, of which vLLM prefers this one.
COMPACT: Final = {"backend": "xgrammar", "disable_any_whitespace": True}
# Options that change the speed but not the content of answers; all others make a different model.
SPEED: Final = frozenset(
    {
        "api_server_count",
        "async_scheduling",
        "block_size",
        "compilation_config",
        "cpu_offload_gb",
        "disable_log_stats",
        "distributed_executor_backend",
        "download_dir",
        "enable_chunked_prefill",
        "enable_expert_parallel",
        "enable_prefix_caching",
        "enforce_eager",
        "kv_cache_memory_bytes",
        "load_format",
        "max_num_batched_tokens",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "num_gpu_blocks_override",
        "pipeline_parallel_size",
        "swap_space",
        "uvicorn_log_level",
    }
)


def telling(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that may change the model's answers."""
    return {name: value for name, value in options.items() if name.replace("-", "_") not in SPEED}


def arguments(config: VllmModel, place: Path | str, port: int) -> list[str]:
    """Return the arguments after `python -m MODULE`. The model is at `place` and is served under the name `config.path`."""
    settings: dict[str, Any] = {
        "model": str(place),
        "host": "127.0.0.1",
        "port": port,
        "served_model_name": config.path,
        "revision": config.revision,
        "dtype": config.dtype,
        "tensor_parallel_size": config.tensor_parallel,
        "data_parallel_size": config.data_parallel,
        "max_model_len": config.max_model_len,
        "gpu_memory_utilization": config.gpu_memory,
        # The checkpoint's sampling defaults would silently apply to settings that the pipeline omits.
        "generation_config": "vllm",
        "structured_outputs_config": COMPACT,
        "disable_uvicorn_access_log": True,
    }
    return flags(settings | config.options)


def flags(settings: Mapping[str, Any]) -> list[str]:
    """Convert settings to vLLM's flags: true and false as `--x` and `--no-x`, lists as several words, mappings as JSON.

    None leaves a setting to vLLM.
    """
    words: list[str] = []
    for name, value in settings.items():
        flag = name.replace("_", "-")
        match value:
            case None:
                continue
            case bool():
                words.append(f"--{flag}" if value else f"--no-{flag}")
            case dict():
                words += [f"--{flag}", json.dumps(value)]
            case list():
                words += [f"--{flag}", *map(str, value)]
            case _:
                words += [f"--{flag}", str(value)]
    return words
