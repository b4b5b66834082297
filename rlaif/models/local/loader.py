"""Load checkpoints of any kind with the transformers library. Importing this module imports torch."""

import gc
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from transformers import AutoTokenizer
from transformers.utils import logging

from rlaif.config import TransformersModel
from rlaif.core.errors import InputError, ModelError
from rlaif.core.tool_calls import template_input
from rlaif.core.types import Message
from rlaif.models.base import Completion
from rlaif.models.local.batching import Draw
from rlaif.models.local.chat_template import template_variables, with_variables
from rlaif.models.local.checkpoint import inspect, locate


def read(family: Any, config: TransformersModel, where: str) -> tuple[Any, Any, list[str]]:
    """Load a checkpoint as a model of this family, with its tokenizer and the names of missing weights, which are random.

    Only *.safetensors are read, and no code of the checkpoint runs unless `trust_remote_code` is set. Raises InputError if
    it cannot be loaded, or has no chat template.
    """
    place = locate(config.path, where=where)
    if isinstance(place, Path):
        inspect(place, where=where)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options: dict[str, Any] = {
        "revision": config.revision,
        "trust_remote_code": config.trust_remote_code,
        "local_files_only": isinstance(place, Path),
    }
    try:
        device = torch.device(_device(config.device))
        tokenizer = AutoTokenizer.from_pretrained(place, **options)
        model, loading = family.from_pretrained(
            place, dtype=config.dtype, low_cpu_mem_usage=True, use_safetensors=True, output_loading_info=True, **options
        )
        model = model.eval().to(device)
    except torch.OutOfMemoryError:
        raise InputError(
            f"{config.path} does not fit in the memory of {config.device}",
            where=where,
            fix="Set dtype: bfloat16, use a smaller checkpoint, or serve it and use kind: openai.",
        ) from None
    except Exception as error:  # the libraries that read a checkpoint raise many kinds of errors
        raise InputError(f"{config.path} cannot be loaded: {_reason(error)}", where=where, fix=_fix(str(error))) from error
    if not tokenizer.chat_template:
        raise InputError(
            f"{config.path} has no chat template",
            where=where,
            fix="Use an instruction-tuned checkpoint, or add chat_template.jinja to its folder.",
        )
    tokenizer.chat_template = with_variables(tokenizer.chat_template, template_variables(config))
    return model, tokenizer, sorted(loading["missing_keys"])


def _reason(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:500]


def _fix(message: str) -> str:
    if "trust_remote_code" in message:
        return (
            "The checkpoint brings its own code. If you trust it as you trust a program, set trust_remote_code: true and "
            "run with --allow-code."
        )
    return ""


def _device(name: str) -> str:
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class Loaded(ABC):
    """A model and its tokenizer, to be used from `lanes` threads at once. `context` is its context length in tokens."""

    answers: ClassVar[bool]
    """Whether a chat ends where the model's answer begins."""
    lanes = 1

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer
        longest = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self.context: int = longest or tokenizer.model_max_length
        self._threads = torch.get_num_threads()

    def enter_lane(self) -> None:
        """Set up the current thread for computing: a single lane may use all cores, several lanes have one core each."""
        if self.lanes > 1:
            torch.set_num_threads(1)

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the token ids of a chat as its template renders it."""
        turns, tools = template_input(messages)
        try:
            text = self._tokenizer.apply_chat_template(
                turns, tools=tools, add_generation_prompt=self.answers, tokenize=False
            )
        except Exception as error:  # templates can raise any error
            raise ModelError("rejected", f"the chat template refuses the messages: {error}") from error
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def complete(self, draws: Sequence[Draw]) -> list[Completion]:
        """Return one completion per draw. All draws share their settings. Batches that do not fit in memory are halved."""
        try:
            return self._complete(draws)
        except torch.OutOfMemoryError:
            if len(draws) == 1:
                raise ModelError(
                    "crashed",
                    f"out of memory with one chat of {len(draws[0].ids):,} tokens; lower max_tokens, or "
                    "serve the model and use kind: openai",
                ) from None
        _tidy()
        half = len(draws) // 2
        return self.complete(draws[:half]) + self.complete(draws[half:])

    @abstractmethod
    def _complete(self, draws: Sequence[Draw]) -> list[Completion]: ...

    def free(self) -> None:
        """Release the memory and the cores."""
        self._model = None
        torch.set_num_threads(self._threads)
        _tidy()


def _tidy() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
