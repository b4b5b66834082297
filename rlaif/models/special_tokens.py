"""Read the special tokens of a local checkpoint's tokenizer from its files, without loading the tokenizer."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from rlaif.core.errors import InputError
from rlaif.models.local.checkpoint import locate

FILES: Final = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@cache
def special_tokens(path: str) -> frozenset[str]:
    """Return every token that the tokenizer at `path` matches before it splits a text.

    Returns an empty set for a hub name or an unreadable file.
    """
    try:
        folder = locate(path)
    except InputError:  # Opening the model reports it.
        return frozenset()
    if not isinstance(folder, Path):
        return frozenset()
    return frozenset(token for name in FILES for token in _tokens(name, _read(folder / name)))


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _tokens(name: str, content: Any) -> set[str]:
    if not isinstance(content, dict):
        return set()
    if name == "added_tokens.json":
        return _contents(list(content))
    if name == "tokenizer.json":
        return _contents(content.get("added_tokens"))
    decoder = content.get("added_tokens_decoder")
    named = {key: value for key, value in content.items() if key.endswith("_token")}
    more = content.get("additional_special_tokens")
    return (
        _contents(list(named.values()))
        | _contents(more)
        | _contents(list(decoder.values()) if isinstance(decoder, dict) else [])
    )


def _contents(tokens: Any) -> set[str]:
    """Return the texts of tokens, each of which is a string or an object with `content`."""
    if not isinstance(tokens, list):
        return set()
    texts = (token.get("content") if isinstance(token, dict) else token for token in tokens)
    # An added token that consists of letters is an ordinary word of a larger vocabulary.
    return {text for text in texts if isinstance(text, str) and not text.isalnum()}
