"""Count the tokens of a chat, by the model's tokenizer if it is on this machine, otherwise from its characters."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rlaif.config import ModelConfig
from rlaif.context.budget import tokens_of
from rlaif.core.types import Message
from rlaif.models.local.chat_template import template_variables, with_variables
from rlaif.models.local.checkpoint import locate

Counter = Callable[[Sequence[Message]], float]

TOKENIZER: Final = "tokenizer"
CHARACTERS: Final = "characters / 4"


def counter(model: ModelConfig) -> tuple[Counter, str]:
    """Return a function from chat messages to prompt tokens, and its basis: TOKENIZER or CHARACTERS."""
    path = getattr(model, "path", None)
    folder = locate(path) if path else None
    exact = _tokenizer(folder, template_variables(model)) if isinstance(folder, Path) else None
    return (exact, TOKENIZER) if exact else (_characters, CHARACTERS)


def _characters(messages: Sequence[Message]) -> float:
    return tokens_of(*(message["content"] for message in messages))


def _tokenizer(folder: Path, variables: Mapping[str, Any]) -> Counter | None:
    """Return a counter that includes the chat template; None if transformers or the tokenizer is missing."""
    try:
        from transformers import AutoTokenizer
    except ModuleNotFoundError:
        return None
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError):  # an estimate goes on; opening the model will report it
        return None
    tokenizer.chat_template = with_variables(tokenizer.chat_template, variables)

    def count(messages: Sequence[Message]) -> float:
        text = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
        return float(len(tokenizer(text, add_special_tokens=False)["input_ids"]))

    return count
