"""Find the reason in a server's log why it ended, and suggest a fix, with pure functions."""

import re
from typing import Final

# The first pattern that matches is the diagnosis: causes come before their consequences.
CAUSES: Final = [
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), what, fix)
    for pattern, what, fix in (
        (r"ModuleNotFoundError: No module named '?vllm", "vLLM is not installed", "Run `pip install 'rlaif[vllm]'`."),
        (
            r"ModuleNotFoundError: No module named '(\w+)",
            "a package that vLLM needs is not installed: {0}",
            "Install it, or vLLM again: `pip install --force-reinstall vllm`.",
        ),
        (
            r"unrecognized arguments: (.*)",
            "vLLM does not know the options {0}",
            "Correct them under `options`; `vllm serve --help=all` lists them.",
        ),
        (
            r"error: (argument --.*)",
            "vLLM refuses an option: {0}",
            "Correct it under `options`; `vllm serve --help=all` lists them.",
        ),
        (
            r"(gated repo|401 Client Error|Access to model .* is restricted)",
            "the hub denies access to this checkpoint: {0}",
            "Accept its terms on the hub, and run `export HF_TOKEN=…`.",
        ),
        (
            r"(is not a local folder and is not a valid model identifier|Repository Not Found|Invalid repository ID or "
            r"local directory|does not appear to have a file named config.json)",
            "no checkpoint was found at the path: {0}",
            "Correct `path` (and `revision`): a checkpoint folder, or a hub name such as org/name.",
        ),
        (
            r"(Cannot find an appropriate cached snapshot|couldn't connect to|Max retries exceeded|outgoing traffic has "
            r"been disabled|LocalEntryNotFound)",
            "the hub cannot be reached, and the checkpoint is not on this machine: {0}",
            "Download it first, and give its folder as `path`.",
        ),
        (
            r"set the option `?trust_remote_code=True",
            "the checkpoint contains code, which was not run",
            "If you trust it as you trust a program: `options: {{trust_remote_code: true}}`.",
        ),
        (
            r"(?:Model architectures|architecture) (.*?) (?:are|is) not supported",
            "vLLM cannot serve {0}",
            "Take another checkpoint, a newer vLLM, or kind: transformers.",
        ),
        (
            r"((?:Failed to infer device type|No CUDA GPUs are available|Found no NVIDIA driver|libcuda\S* cannot open|"
            r"NVIDIA driver on your system is too old).*)",
            "vLLM found no device that it can use: {0}",
            "Run it where the GPU is; without one, install vLLM's CPU build, or use kind: transformers.",
        ),
        (
            r"((?:World size|tensor.parallel.size|data.parallel.size).*(?:larger than|greater than|exceeds).*)",
            "more GPUs are requested than there are: {0}",
            "Lower `tensor_parallel` times `data_parallel`.",
        ),
        (
            r"((?:Total number of )?attention heads .* (?:must be )?divisible by .*)",
            "the model cannot be spread over so many GPUs: {0}",
            "Choose a `tensor_parallel` that divides its heads.",
        ),
        (
            r"(bfloat16 is only supported on GPUs.*)",
            "the GPU does not support the model's data type: {0}",
            "Set `dtype: float16`.",
        ),
        (
            r"((?:max seq len|max_model_len|maximum model length).*(?:KV cache|derived max_model_len).*)",
            "the context does not fit: {0}",
            "Set a smaller `max_model_len`, or raise `gpu_memory` (up to 0.95).",
        ),
        (
            r"(Free memory on device .* is less than desired .*)",
            "the device's memory is in use already: {0}",
            "Stop other processes on the device, or lower `gpu_memory`.",
        ),
        (
            r"((?:CUDA|HIP)? ?out of memory.*|No available memory for the cache blocks.*|OutOfMemoryError.*|"
            r"Not enough memory.*|Cannot allocate memory.*|insufficient (?:free )?memory.*)",
            "out of memory: {0}",
            "Lower `max_model_len`, spread the model over more GPUs with `tensor_parallel`, or take a smaller one.",
        ),
        (r"(Address already in use)", "another process took its port", "Run it again."),
        (
            r"^\s*Value error, (.*)",
            "vLLM refuses its settings: {0}",
            "Correct them; `vllm serve --help=all` lists the allowed values.",
        ),
        (
            r"ended with status -9",
            "the system killed it, most likely because memory ran out",
            "Take a smaller model, or a machine with more memory.",
        ),
    )
]
UNKNOWN: Final = "See the log."
# The maximum length of a quoted line.
SHOWN: Final = 300
# The suffix that pydantic adds to its messages.
DETAILS: Final = re.compile(r" \[type=.*")
ERROR: Final = re.compile(r"^(?:\(.*?\) )?(?:ERROR .*?\] )?(\w*(?:Error|Exception)\b.*)$", re.MULTILINE)
ENDING: Final = re.compile(r"^rlaif: .*$", re.MULTILINE)


def cause(log: str) -> tuple[str, str]:
    """Return what went wrong and how to fix it."""
    for pattern, what, fix in CAUSES:
        if found := pattern.search(log):
            return what.format(*(DETAILS.sub("", group).strip()[:SHOWN] for group in found.groups())), fix.format()
    errors = ERROR.findall(log)
    lines = [line for line in ENDING.sub("", log).splitlines() if line.strip()]
    # The first error is the cause; later ones come from other processes that miss the one that ended.
    message = errors[0] if errors else lines[-1] if lines else "it said nothing"
    return message.strip()[:SHOWN], UNKNOWN
